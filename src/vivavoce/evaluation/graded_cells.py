"""The cells of a file of graded answers: what their text means, and what is wrong with them in one sentence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from vivavoce.graders.errors import UnreadableGrades

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_BETWEEN_RATERS = re.compile(r"[;|/\s]+")


def read_cells(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the cells of a text or a sheet stand for; empty cells are left out.

    Scores become numbers, `raters` a list of numbers, a `rubric` in JSON an object. What cannot be read stays text.
    """
    cells = {name: value for name, value in values.items() if value is not None and value != ""}
    # An empty answer is an answer.
    cells.setdefault("answer", "")
    for name in ("score", "max_score"):
        if name in cells:
            cells[name] = _read_number(cells[name])
    if "raters" in cells:
        cells["raters"] = _read_raters(cells["raters"])
    for name in ("rubric", "reference"):
        with suppress(ValueError):
            # Several references can stand in one cell as a JSON list.
            if str(cells.get(name, "")).startswith(("{", "[")):
                cells[name] = json.loads(cells[name])
    return {name: str(value) if name in ("id", "question_id", "question") else value for name, value in cells.items()}


def check_row(row: dict[str, Any], *, where: str) -> None:
    """Make numbers in texts text; raises UnreadableGrades with what is missing or wrong."""
    if missing := [name for name in ("answer", "score", "max_score") if row.get(name) is None]:
        raise UnreadableGrades(f"{where} has no '{missing[0]}': each row needs answer, score and max_score.")
    if not row.get("rubric") and not row.get("reference"):
        raise UnreadableGrades(f"{where} has neither 'reference' nor 'rubric': add one to compare the answer with.")
    row["answer"] = _read_text(row["answer"], "answer", where)
    if row.get("rubric") and not isinstance(row["rubric"], dict):
        raise UnreadableGrades(
            f"{where}: 'rubric' is {_show(row['rubric'])}, and must be a whole rubric as an object: write it out, or "
            "give a 'reference' instead."
        )
    _check_reference(row, where)
    for name in ("score", "max_score"):
        if not _is_number(row[name]):
            raise UnreadableGrades(f"{where}: '{name}' is {_show(row[name])}, and must be a number.")
    if not 0 <= row["score"] <= row["max_score"] or row["max_score"] <= 0:
        raise UnreadableGrades(f"{where}: the score {row['score']:g} is not between 0 and {row['max_score']:g}.")
    raters = row.get("raters")
    if raters and not (isinstance(raters, list) and all(map(_is_number, raters))):
        raise UnreadableGrades(f"{where}: 'raters' is {_show(raters)}, and must be a list of numbers.")


def _check_reference(row: dict[str, Any], where: str) -> None:
    reference = row.get("reference")
    if isinstance(reference, list):
        texts = [_read_text(item, "reference", where) for item in reference if item not in (None, "")]
        if not texts and not row.get("rubric"):
            raise UnreadableGrades(f"{where} has only empty references: add one to compare the answer with.")
        row["reference"] = texts
    elif reference is not None:
        row["reference"] = _read_text(reference, "reference", where)


def _read_text(value: Any, name: str, where: str) -> str:
    if isinstance(value, str):
        return value
    if not _is_number(value):
        raise UnreadableGrades(f"{where}: '{name}' is {_show(value)}, and must be text.")
    return str(value)


def _read_number(value: Any) -> Any:
    """The number in a text, with a point or a comma; the value itself if it is none."""
    text = str(value).strip()
    with suppress(ValueError):
        return float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    return value


def _read_raters(value: Any) -> Any:
    """The numbers of a cell such as `3; 4` or `[3, 4]`; the value itself if it holds other things."""
    text = str(value).strip().removeprefix("[").removesuffix("]")
    # A comma between digits alone can be a decimal comma.
    pieces = _BETWEEN_RATERS.split(text) if re.search(r"[;|/]", text) else re.split(r"[,\s]+", text)
    numbers = [_read_number(piece) for piece in pieces if piece]
    return numbers if numbers and all(map(_is_number, numbers)) else value


def _is_number(value: Any) -> bool:
    # In Python, True is an int.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _show(value: Any) -> str:
    """The value as in the file, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
