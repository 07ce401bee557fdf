"""Lists of questions as they are sent: those of the bank are written once, for all organisations without own ones."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import TypeAdapter

from vivavoce.rubrics import Bank

from ..storage.tables import StoredRubric
from .schemas.rubrics.questions import QuestionPublic

_QUESTIONS = TypeAdapter(list[QuestionPublic])


@dataclass(frozen=True)
class QuestionList:
    """A list of questions as it is sent; `tag` is its ETag, the same for both forms."""

    plain: bytes
    zipped: bytes
    tag: str


def load_questions(app: FastAPI, language: str | None) -> QuestionList:
    """Returns the bank's list in a language, or in both; it is written once."""
    lists: dict[str | None, QuestionList] = app.state.question_lists
    if language not in lists:
        wanted = {"language": language} if language else {}
        lists[language] = write_questions(filter_questions(merge_questions(app.state.bank, []), wanted))
    return lists[language]


def merge_questions(bank: Bank, own: Sequence[StoredRubric]) -> list[QuestionPublic]:
    """Returns the questions of the bank, each with its own rubric if there is one, and then the others' own."""
    rows = {(row.question_id, row.language): row for row in own}
    merged = []
    for rubric in bank:
        row = rows.pop((rubric.question.id, rubric.question.language), None)
        merged.append(QuestionPublic.from_row(row) if row else QuestionPublic.from_rubric(rubric))
    return merged + [QuestionPublic.from_row(row) for row in rows.values()]


def filter_questions(questions: Sequence[QuestionPublic], wanted: Mapping[str, str]) -> list[QuestionPublic]:
    """Returns the questions whose fields have the wanted values."""
    return [q for q in questions if all(getattr(q, name) == value for name, value in wanted.items())]


def write_questions(questions: list[QuestionPublic]) -> QuestionList:
    """Returns a list as it is sent."""
    plain = _QUESTIONS.dump_json(questions)
    # Weak: the zipped form differs in its bytes.
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return QuestionList(plain, gzip.compress(plain, mtime=0), tag)
