"""Which rubric grades an answer: one in the request, one that the organisation has stored, or one of the bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, Rubric

from ..api.schemas.gradings.lifecycle import GradingCreate
from ..errors import UnusableRequest
from ..gradings import validation
from . import finding as rubric_store


@dataclass(frozen=True)
class ChosenRubric:
    """A rubric, and where it comes from: `own` with the request or from the organisation, or `bank`."""

    rubric: Rubric
    source: Literal["bank", "own"]


def choose_rubric(session: Session, bank: Bank, request: GradingCreate) -> ChosenRubric:
    """Returns the rubric that a request names or sends.

    Raises UnusableRequest unless it has exactly one of `question_id`, `rubric_id` and `rubric`, or if it names another
    language than its rubric; NotFound or WrongState for a stored rubric that cannot grade; and
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
        rubric = rubric_store.get_frozen(session, request.rubric_id)
        return ChosenRubric(validation.check_language(rubric, request.language), "own")
    assert request.question_id is not None
    return ChosenRubric(
        *rubric_store.find_rubric_and_source(
            session, bank, request.question_id, language=request.language, answer=request.answer
        )
    )
