"""Grades that people gave, as they write them into tables."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from vivavoce.graders.types import MAX_SCORE
from vivavoce.service.answer_files.entries import CellProblems, Entry
from vivavoce.tables import BadCell

_NUMBER = re.compile(r"\+?[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+")
# 1,500 may be one and a half, or fifteen hundred.
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")


def read_grades(
    entries: Sequence[Entry], problems: CellProblems | None = None
) -> tuple[Mapping[int, float], list[BadCell]]:
    """The grades (0 to 10) by the place of their entry, and the cells that are none; `problems` are known ones."""
    grades: dict[int, float] = {}
    unread: list[BadCell] = []
    for place, entry in enumerate(entries):
        value = entry.cells.get("human_grade")
        if _is_blank(value):
            continue
        grade = read_grade(value)
        if problem := problems and problems.find_grade(entry):
            unread.append(problem)
        elif grade is None:
            shown = str(value) if len(str(value)) <= 40 else f"{str(value)[:40]}…"
            why = f"'{shown}' is no number from 0 to 10 and is not compared: write one such as 7.5."
            unread.append(BadCell(entry.row.line, entry.name_column("human_grade"), why))
        else:
            grades[place] = grade
    return grades, unread


def read_grade(value: Any) -> float | None:
    """The grade in a cell, with a decimal point or comma, in any width; None unless it is a number from 0 to 10."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        number = float(value)
    else:
        text = "".join(unicodedata.normalize("NFKC", str(value)).split())
        if not _NUMBER.fullmatch(text) or _AMBIGUOUS.fullmatch(text):
            return None
        number = float(text.replace(",", "."))
    return number if math.isfinite(number) and 0 <= number <= MAX_SCORE else None


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
