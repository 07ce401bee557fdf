"""The questions that a cohort's answers may name: those of the bank, and the organisation's own frozen rubrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, Language, Rubric

from ..storage.repositories import StoredRubricRepository
from .documents import read_complete


@dataclass(frozen=True)
class Questions:
    """All rubrics by question and language. An own one takes the place of the bank's."""

    bank: Bank
    own: frozenset[tuple[str, str]]

    def find(self, question_id: str, language: str) -> tuple[Rubric, Literal["bank", "own"]]:
        """Returns a rubric and where it is from; raises UnknownQuestion if it is gone."""
        rubric = self.bank.get(question_id, cast(Language, language))
        return rubric, "own" if (question_id, language) in self.own else "bank"


def load_questions(session: Session, bank: Bank) -> Questions:
    """Returns the questions of the session's organisation, with the rubrics that `find_rubric_and_source` returns."""
    own = [read_complete(stored.document) for stored in StoredRubricRepository(session).in_use()]
    if not own:
        return Questions(bank, frozenset())
    names = frozenset((rubric.question.id, rubric.question.language) for rubric in own)
    return Questions(Bank([*bank, *own]), names)
