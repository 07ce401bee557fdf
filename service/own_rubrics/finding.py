"""Finds the rubric that answers to a question are graded by: the organisation's own, else that of the bank."""

from __future__ import annotations

from typing import Literal, cast

from sqlalchemy.orm import Session

from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Bank, Language, Rubric, UnknownQuestion

from ..errors import UnknownQuestionError, WrongState
from ..lookup import get_own
from ..storage.repositories import StoredRubricRepository
from ..storage.tables import StoredRubric
from .documents import read_complete

Source = Literal["own", "bank"]


def find_rubric(session: Session, bank: Bank, question_id: str, *, language: str | None, answer: str) -> Rubric:
    """Returns the rubric for an answer to a question; see `find_rubric_and_source`."""
    return find_rubric_and_source(session, bank, question_id, language=language, answer=answer)[0]


def find_rubric_and_source(
    session: Session, bank: Bank, question_id: str, *, language: str | None, answer: str
) -> tuple[Rubric, Source]:
    """Returns the rubric for an answer to a question, and where it comes from.

    The version of the session's organisation that was frozen last comes before the bank's. Without `language` it is
    that of the answer, unless the question has only an own rubric in the other one. `question_id` may be a handbook
    number. Raises UnknownQuestionError if there is none.
    """
    own_rubrics = StoredRubricRepository(session)
    wanted = bank.find_id(question_id) or question_id.strip()
    chosen = cast(Language, language or detect_language(answer))
    if row := own_rubrics.newest_frozen(wanted, chosen):
        return read_complete(row.document), "own"
    try:
        return bank.get(wanted, chosen), "bank"
    except UnknownQuestion as error:
        other = own_rubrics.newest_frozen(wanted)
        if other is not None and language is None:
            return read_complete(other.document), "own"
        raise UnknownQuestionError(_explain(error, wanted, chosen, other)) from None


def get_frozen(session: Session, rubric_id: str) -> Rubric:
    """Returns the rubric of a frozen version by its id.

    Raises NotFound, or WrongState if it is a draft or was retired.
    """
    row = get_own(session, StoredRubric, rubric_id, name="rubric")
    if row.status == "draft":
        raise WrongState(
            f"Rubric '{row.id}' is a draft, which grades no answers: POST /v1/rubrics/{row.id}/freeze, then send the "
            "answer again."
        )
    if row.status == "retired":
        raise WrongState(
            f"Rubric '{row.id}' was retired, so it grades no new answers: send 'question_id' for the newest "
            "version, or the id of another."
        )
    return read_complete(row.document)


def _explain(error: UnknownQuestion, question_id: str, language: str, other: StoredRubric | None) -> str:
    if other is None:
        return str(error)
    return (
        f"Your rubric for question '{question_id}' is in language '{other.language}' only: send that language, or "
        f"freeze a rubric in '{language}'."
    )
