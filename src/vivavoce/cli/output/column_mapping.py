"""Prints which column of a wide table answers which question."""

from __future__ import annotations

from collections import defaultdict

from rich.markup import escape
from rich.table import Table

from vivavoce.rubrics import Bank, UnknownQuestion
from vivavoce.service.answer_files.wide.layout import WideLayout

from .console import err

_LONGEST = 70


def print_mapping(layout: WideLayout, bank: Bank) -> None:
    """Print the columns with answers and their questions, and the other columns with the reasons."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("column", "question", "text of the question"):
        table.add_column(name, overflow="fold")
    for column in layout.answers:
        questions = [column.question_id] if column.question_id else sorted(set((column.questions or {}).values()))
        for number, question_id in enumerate(questions):
            heading = escape(_shorten(column.heading)) if number == 0 else ""
            table.add_row(heading, escape(question_id), escape(_shorten(_read_text(bank, question_id, column.heading))))
    err.print("Answers by column:")
    err.print(table)
    reasons: dict[str, list[str]] = defaultdict(list)
    for heading, reason in layout.left_out.items():
        reasons[reason].append(_shorten(heading))
    for reason, headings in reasons.items():
        err.print(f"Left out ({reason}): {escape(', '.join(headings))}", highlight=False, soft_wrap=True)


def _read_text(bank: Bank, question_id: str, heading: str) -> str:
    """The question's text, in Chinese below a Chinese heading."""
    languages = ("en", "zh") if heading.isascii() else ("zh", "en")
    for language in languages:
        try:
            return bank.get(question_id, language).question.text  # type: ignore[arg-type]
        except UnknownQuestion:
            continue
    return ""


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
