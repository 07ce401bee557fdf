"""Which rubric grades an answer: one in the request, one that the organisation has stored, or one of the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Bank, Language, Rubric

from . import validation
from .api.schemas.gradings import GradingCreate
from .errors import DraftRubric, UnknownQuestionError, UnusableRequest, WrongState
from .lookup import get_own
from .storage.tables import StoredRubric


@dataclass(frozen=True)
class ChosenRubric:
    """A rubric, and where it comes from: `own` with the request or from the organisation, or `bank`."""

    rubric: Rubric
    source: Literal["bank", "own"]


def choose_rubric(session: Session, bank: Bank, request: GradingCreate) -> ChosenRubric:
    """Returns the rubric that a request names or sends.

    Raises UnusableRequest unless it has exactly one of `question_id`, `rubric_id` and `rubric`, or if it names another
    language than its rubric; NotFound, DraftRubric or WrongState for a stored rubric that cannot grade; and
    UnknownQuestionError.
    """
    named = [request.question_id, request.rubric_id, request.rubric]
    if sum(value is not None for value in named) != 1:
        raise UnusableRequest(
            "Name a question with 'question_id' or a stored rubric with 'rubric_id', or send a 'rubric': one of the "
            "three."
        )
    if request.rubric is not None:
        return ChosenRubric(validation.check_language(request.rubric, request.language), "own")
    if request.rubric_id is not None:
        rubric = find_stored_rubric(session, request.rubric_id)
        return ChosenRubric(validation.check_language(rubric, request.language), "own")
    assert request.question_id is not None
    return find_question_rubric(
        session, bank, question_id=request.question_id, language=request.language, answer=request.answer
    )


def find_stored_rubric(session: Session, rubric_id: str) -> Rubric:
    """Returns a frozen rubric of the organisation. Raises NotFound, DraftRubric or WrongState."""
    stored = get_own(session, StoredRubric, rubric_id, name="rubric")
    if stored.status == "draft":
        raise DraftRubric(
            f"The rubric {stored.id} is a draft: freeze it with POST /v1/rubrics/{stored.id}/freeze, then send the "
            "answer again.",
            pointer="/rubric_id",
        )
    if stored.status == "retired":
        raise WrongState(
            f"The rubric {stored.id} is retired, so it grades no new answers: send 'question_id' for the newest "
            "version, or the id of another.",
            pointer="/rubric_id",
        )
    return _read_rubric(stored)


def find_question_rubric(
    session: Session, bank: Bank, *, question_id: str, language: str | None, answer: str
) -> ChosenRubric:
    """Returns the organisation's newest frozen rubric for a question, or else the bank's.

    The language is by default that of the answer. Raises UnknownQuestionError.
    """
    chosen = cast(Language, language or detect_language(answer))
    own = _list_frozen(session, question_id)
    if found := next((stored for stored in own if stored.language == chosen), None):
        return ChosenRubric(_read_rubric(found), "own")
    try:
        return ChosenRubric(
            validation.find_rubric(bank, question_id=question_id, language=chosen, answer=answer), "bank"
        )
    except UnknownQuestionError:
        if not own:
            raise
        raise UnknownQuestionError(
            f"Your rubric for '{question_id}' is in '{own[0].language}' only, and the answer is graded in '{chosen}': "
            f"send 'language' with '{own[0].language}', or freeze one in '{chosen}'.",
            pointer="/question_id",
        ) from None


def _list_frozen(session: Session, question_id: str) -> Sequence[StoredRubric]:
    # An id that no database can compare is not there either.
    if not question_id.isprintable():
        return ()
    query = sa.select(StoredRubric).where(StoredRubric.question_id == question_id, StoredRubric.status == "frozen")
    return session.scalars(query.order_by(StoredRubric.version.desc())).all()


def _read_rubric(stored: StoredRubric) -> Rubric:
    return Rubric.model_validate({**stored.document, "status": "frozen"})
