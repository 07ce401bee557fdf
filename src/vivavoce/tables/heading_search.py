"""Finds the record that holds the headings of a table, below titles and blank lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .heading_rows import FindQuestion, count_filled, has_import_ids, is_lower_row
from .headings import find_columns, strip_invisible

# Titles and blank lines stand above the headings, whole tables do not.
_MOST_TITLE_RECORDS = 20


def find_heading(
    records: Sequence[Sequence[str]], chosen: Mapping[str, str], find_question: FindQuestion
) -> int | None:
    """The position of the record that holds the headings; None when none of the first records has any of ours.

    Of headings in several rows it is the first.
    """
    best: tuple[int, int] | None = None
    has_questions = False
    for position, cells in enumerate(records[:_MOST_TITLE_RECORDS]):
        fields, questions = find_columns(cells, chosen), count_questions(cells, find_question)
        # Below questions, "Answer" can be one.
        if "answer" in fields and (len(fields) > 1 or not has_questions):
            # A title such as "Answers" can stand right above the headings.
            is_title = sum(map(bool, map(strip_invisible, cells))) == 1 and _is_wider_heading(records, position, chosen)
            if not is_title:
                return _find_upper_row(records, position, chosen, find_question)
        elif (known := len(fields) + questions) and (best is None or known > best[0]):
            best = (known, position)
        has_questions = has_questions or questions > 0
    return None if best is None else _find_first_row(records, best[1], find_question)


def count_known(cells: Sequence[str], chosen: Mapping[str, str], find_question: FindQuestion) -> int:
    """How many of our fields and of our questions the cells name, an answer above all."""
    fields = find_columns(cells, chosen)
    return len(fields) + count_questions(cells, find_question) + 100 * ("answer" in fields)


def count_questions(cells: Sequence[str], find_question: FindQuestion) -> int:
    """How many of the cells are questions."""
    return sum(find_question(cell) is not None for cell in cells if cell)


def _find_upper_row(
    records: Sequence[Sequence[str]], position: int, chosen: Mapping[str, str], find_question: FindQuestion
) -> int:
    """The first row of the headings whose row with "answer" is at `position`: its questions can stand above."""
    if position == 0:
        return position
    upper, lower = records[position - 1], records[position]
    above = [text for place, text in enumerate(upper) if place >= len(lower) or not strip_invisible(lower[place])]
    names_columns = count_questions(upper, find_question) > 0 or bool(find_columns(above, chosen))
    is_upper = count_filled(upper) > 1 and names_columns and is_lower_row(upper, lower)
    return position - 1 if is_upper else position


def _find_first_row(records: Sequence[Sequence[str]], position: int, find_question: FindQuestion) -> int:
    """The first of the rows of headings that end at `position`: codes such as Q1 can stand above the questions."""
    is_above_ids = position + 1 < len(records) and has_import_ids(records[position + 1])
    if is_above_ids or count_questions(records[position], find_question):
        width = max(count_filled(records[position]), 2)
        while position and count_filled(records[position - 1]) >= width:
            position -= 1
    return position


def _is_wider_heading(records: Sequence[Sequence[str]], position: int, chosen: Mapping[str, str]) -> bool:
    following = next((cells for cells in records[position + 1 :] if any(map(strip_invisible, cells))), ())
    return len(find_columns(following, chosen)) > 1 and "answer" in find_columns(following, chosen)
