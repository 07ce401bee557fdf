"""Tells a table without headings, whose first row is an answer already."""

from __future__ import annotations

import re
from pathlib import Path

from vivavoce.graders.reading.normal_text import has_han
from vivavoce.rubrics import Bank
from vivavoce.tables import Sentence, Table, TableError

from .question_matching import QuestionFinder
from .unclear_columns import shorten

# Headings are shorter, unless they are questions.
_LONG_TEXT, _LONG_TEXT_HAN = 40, 15
_NUMBER = re.compile(r"\s*[Qq]?[0-9.]+\s*")
_ASKS = re.compile(
    r"[?？]\s*\W*$|^\W*(?:how|why|what|which|explain|describe|compare|discuss|please)\b|请|請|简述|簡述|说明|說明|谈谈|談談",
    re.IGNORECASE,
)


def check_headings(path: Path | str, table: Table, bank: Bank) -> None:
    """Raises TableError if the headings are an answer, and name its question or stand above other answers."""
    finder = QuestionFinder.of_bank(bank)
    answers = [heading for heading in table.columns if _is_answer(heading, finder)]
    for heading in table.columns:
        if _is_question(heading, finder) and _stands_above_questions(heading, table, finder, has_answer=bool(answers)):
            raise TableError(_describe(path, table, question=heading, answer=answers[0] if answers else None))


def check_first_answer(path: Path | str, table: Table, bank: Bank) -> None:
    """Raises TableError if a heading reads like an answer, as those below it do."""
    finder = QuestionFinder.of_bank(bank)
    for heading in table.columns:
        below = [str(row.values.get(heading) or "") for row in table.rows]
        if _is_answer(heading, finder) and all(map(_is_long, filter(None, below))):
            raise TableError(_describe(path, table, question=None, answer=heading))


def _stands_above_questions(heading: str, table: Table, finder: QuestionFinder, *, has_answer: bool) -> bool:
    """Whether the cells below name questions as well; numbers can be points, unless an answer stands beside them."""
    cells = [text for row in table.rows if (text := str(row.values.get(heading) or "").strip())]
    if not cells or _NUMBER.fullmatch(heading):
        return has_answer and all(_is_question(cell, finder) for cell in cells)
    return 2 * sum(_is_question(cell, finder) for cell in cells) >= len(cells)


def _is_question(text: str, finder: QuestionFinder) -> bool:
    guess = finder.find(text)
    return guess is not None and guess.is_sure


def _is_answer(heading: str, finder: QuestionFinder) -> bool:
    return _is_long(heading) and _ASKS.search(heading) is None and finder.find(heading) is None


def _is_long(text: str) -> bool:
    return len(text) >= (_LONG_TEXT_HAN if has_han(text) else _LONG_TEXT)


def _describe(path: Path | str, table: Table, *, question: str | None, answer: str | None) -> str:
    subject = f"names the question '{shorten(question)}'" if question else f"has the answer '{shorten(answer or '')}'"
    names = []
    for number, heading in enumerate(table.columns, start=1):
        own = {question: "question_id", answer: "answer"}.get(heading)
        names.append(own or ("candidate" if "candidate" not in names else f"column {number}"))
    if answer is None and len(names) > 1:
        names[-1] = names[-1] if names[-1] == "question_id" else "answer"
    example = ",".join(names)
    fix = f"write '{example}' above it, or what each column is."
    text = f"{path} has no headings, because its first row {subject}: {fix}"
    return Sentence(text, "no_headings", example=example)
