"""New drafts that are copies: of another version of the organisation, of a question of the bank, or from Canvas."""

from __future__ import annotations

from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, Language, Rubric, RubricError, UnknownQuestion
from vivavoce.rubrics.formats.canvas import CanvasFile, read_canvas

from ..errors import UnknownQuestionError, UnusableRubric
from ..lookup import get_own
from ..storage.tables import StoredRubric
from .documents import read_draft, write_document


def copy_version(session: Session, rubric_id: str) -> Rubric:
    """Returns a draft that is a copy of a version of the session's organisation; raises NotFound."""
    return read_draft(get_own(session, StoredRubric, rubric_id, name="rubric").document)


def copy_from_bank(bank: Bank, question_id: str, language: Language) -> Rubric:
    """Returns a draft that is a copy of the bank's rubric; raises UnknownQuestionError if there is none."""
    try:
        return read_draft(write_document(bank.get(question_id, language)))
    except UnknownQuestion as error:
        raise UnknownQuestionError(str(error)) from None


def read_canvas_drafts(text: str, language: Language) -> CanvasFile:
    """Returns the drafts in a CSV file of Canvas; raises UnusableRubric if there is none."""
    try:
        return read_canvas(text, source="The file", language=language)
    except RubricError as error:
        raise UnusableRubric(str(error)) from None
