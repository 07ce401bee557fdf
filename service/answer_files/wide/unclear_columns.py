"""Says what is not clear about the columns of a wide table, and how to say it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from vivavoce.rubrics import Bank

from .nearest_questions import QuestionNeighbours
from .question_matching import Guess

_MOST_NAMED = 8


@dataclass(frozen=True)
class UnclearColumn:
    """A column whose question is not known: the text that asks it, and what it may be.

    `asked` is the question in another cell, where the heading is none.
    """

    heading: str
    text: str
    guess: Guess | None
    asked: str | None = None


def describe_unclear(columns: Sequence[UnclearColumn], bank: Bank) -> str:
    """One sentence that names the columns, the questions that are nearest, and the option that decides."""
    neighbours = QuestionNeighbours.of_bank(bank)
    if len(columns) == 1:
        return _describe_one(columns[0], neighbours)
    named = []
    for column in columns[:_MOST_NAMED]:
        near = column.guess.question_id if column.guess else neighbours.describe_nearest(column.text, most=2)
        asked = f" with '{shorten(column.asked)}'" if column.asked else ""
        named.append(f"'{shorten(column.heading)}'{asked}" + (f" (nearest: {near})" if near else ""))
    more = f" and {len(columns) - len(named)} more" if len(columns) > len(named) else ""
    pairs = ",".join(f"{_write_heading(column.heading)}={_suggest(column, neighbours)}" for column in columns)
    return (
        f"Columns {', '.join(named)}{more} look like questions, but are none of the bank's ('viva questions'): say "
        f"which they are with --question-columns {_quote(pairs)}, or leave a column out with nothing behind its '='."
    )


def shorten(text: str) -> str:
    """The beginning of a heading, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _describe_one(column: UnclearColumn, neighbours: QuestionNeighbours) -> str:
    subject = f"Column '{shorten(column.heading)}'"
    problem = (
        f"has the question '{shorten(column.asked)}', which is" if column.asked else "looks like a question, but is"
    )
    near = neighbours.describe_nearest(column.text)
    hint = f"; nearest: {near}" if near else ""
    known = f"only like '{column.guess.question_id}' of the bank" if column.guess else "none of the bank's"
    listed = "" if column.guess else f" ('viva questions'{hint})"
    pair = f"{_write_heading(column.heading)}={_suggest(column, neighbours)}"
    return (
        f"{subject} {problem} {known}{listed}: say which it is with --question-columns "
        f"{_quote(pair)}, or leave the column out with {_quote(f'{_write_heading(column.heading)}=')}."
    )


def _suggest(column: UnclearColumn, neighbours: QuestionNeighbours) -> str:
    """The question that a column may be, where only one is near."""
    if column.guess:
        return column.guess.question_id
    nearest = neighbours.list_nearest(column.text)
    return nearest[0] if len(nearest) == 1 else "QUESTION_ID"


def _write_heading(heading: str) -> str:
    # Line breaks do not matter to the option.
    return " ".join(heading.split())


def _quote(text: str) -> str:
    """The text as one word of a shell."""
    if "'" not in text:
        return f"'{text}'"
    return f'"{text}"' if not set(text) & set('"$`\\!') else shlex.quote(text)
