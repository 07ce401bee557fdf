"""Differences between versions of a rubric, and what they do to grades."""

from __future__ import annotations

from typing import cast

from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, Edit, Language, Rubric, UnknownQuestion, compare

from ..errors import NotFound, UnusableRequest
from ..lookup import get_own
from ..storage.repositories import StoredRubricRepository
from ..storage.tables import StoredRubric
from .documents import read_draft

BANK = "bank"


def compare_versions(session: Session, bank: Bank, row: StoredRubric, against: str | None) -> tuple[str, Edit]:
    """Returns what a version is compared with, an id or `bank`, and the differences.

    `against` is an id or `bank`; by default it is the version before, or the bank's if it is the first. Raises NotFound
    if there is none, and UnusableRequest for a version of another question or language.
    """
    named, older = _find_older(session, bank, row, against)
    question = older.question
    if (question.id, question.language) != (row.question_id, row.language):
        raise UnusableRequest(
            f"Rubric '{named}' is for '{question.id}' ({question.language}), and '{row.id}' for '{row.question_id}' "
            f"({row.language}): compare versions of one question in one language."
        )
    # As drafts, so that the status is no difference.
    return named, compare(read_draft(older.model_dump(mode="json")), read_draft(row.document))


def _find_older(session: Session, bank: Bank, row: StoredRubric, against: str | None) -> tuple[str, Rubric]:
    older = None
    if against is None:
        older = StoredRubricRepository(session).before(row)
    elif against != BANK:
        older = get_own(session, StoredRubric, against, name="rubric")
    if older:
        return older.id, read_draft(older.document)
    try:
        return BANK, bank.get(row.question_id, cast(Language, row.language))
    except UnknownQuestion:
        raise NotFound(
            f"There is no version before rubric '{row.id}', and the bank has none for its question: name one with "
            "'against'."
        ) from None
