"""Reads JSON: one object a line, an array of objects, or an object with one list of objects inside.

Reading goes on behind a bad line. In an array that is broken, what stands before the fault is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .cleaning import clean_table
from .headings import find_columns, normalize_heading
from .model import BadCell, Row, Sentence, Table, TableError

_BETWEEN = " \t\r\n,\x1e\ufeff"
_MOST_DEPTH = 3
_NOT_CLOSED = "the array is not closed, so the end is missing: export the file again."


class _RepeatedName(ValueError):
    """An object has a name twice, so that one of its values would be lost."""


@dataclass(frozen=True)
class _Value:
    """A JSON value with the line that it begins in; `problem` instead of it when it is none, and its text."""

    line: int
    value: Any = None
    problem: str | None = None
    text: str = ""


def read_json(text: str, *, chosen: Mapping[str, str]) -> Table:
    """The table in a JSON text; raises TableError when it holds no objects."""
    # Inside JSON strings line ends are escaped.
    values = list(_read_values(text.replace("\r\n", "\n").replace("\r", "\n")))
    notices: list[str] = []
    if len({value.line for value in values}) < len(values):
        # A line is how a row is known.
        values = [replace(value, line=number) for number, value in enumerate(values, start=1)]
        notices.append(Sentence("Lines are counted as objects: line 3 is the third object.", "objects_counted"))
    columns: dict[str, None] = {}
    rows, problems = [], []
    for value in values:
        if value.problem is None and isinstance(value.value, dict):
            columns.update(dict.fromkeys(value.value))
            rows.append(Row(value.line, value.value))
        else:
            text = value.problem or "the line is not a JSON object: write one per line, with 'answer'."
            problem = text if isinstance(text, Sentence) else Sentence(text, "bad_json")
            problems.append(BadCell(value.line, "?", problem, unread=((value.text,),)))
    found = find_columns(tuple(columns), chosen)
    fields = {name: tuple(columns)[places[0]] for name, places in found.items() if len(places) == 1}
    problems += _find_bad_answers(rows, fields.get("answer"))
    names = tuple(columns)
    return clean_table(Table(names, tuple(rows), tuple(problems), tuple(notices), fields, None, names))


def _find_bad_answers(rows: list[Row], answer: str | None) -> Iterator[BadCell]:
    """The rows whose answer is missing or no text."""
    kinds = {list: "a list", dict: "an object", bool: "true or false"}
    if answer is None:
        return
    for row in rows:
        value = row.values.get(answer)
        if answer not in row.values:
            similar = [name for name in row.values if normalize_heading(name) == normalize_heading(answer)]
            hint = f"rename '{similar[0]}'" if similar else "add it"
            yield BadCell(row.line, answer, Sentence(f"the object has no '{answer}': {hint}.", "missing_answer"))
        elif type(value) in kinds:
            text = f"the answer is {kinds[type(value)]}: write it as text."
            yield BadCell(row.line, answer, Sentence(text, "answer_no_text"))
        elif isinstance(value, float) and value - value != 0:
            text = "the answer is not a number that can be written: write it as text."
            yield BadCell(row.line, answer, Sentence(text, "answer_no_text"))


def _read_values(text: str) -> Iterator[_Value]:
    """The values of a text: those of its lines, of its array, or of the list in its only object."""
    stripped = text.lstrip(_BETWEEN)
    first_line = stripped.split("\n", 1)[0]
    is_one_line = "\n" not in stripped.rstrip()
    if stripped.startswith("[") and (is_one_line or not _is_json(first_line)):
        yield from _read_stream(text, text.index("[") + 1)
    elif stripped.startswith("{") and (is_one_line or not _is_json(first_line)) and _is_json(text):
        yield from _unfold_object(text)
    elif stripped.startswith("{") and first_line.strip() in ("{", "{}"):
        yield from _read_stream(text, 0)
    else:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip(_BETWEEN):
                yield _parse(line.strip(_BETWEEN), number)


def _parse(text: str, line: int) -> _Value:
    try:
        return _Value(line, json.loads(text, object_pairs_hook=_build_object))
    except _RepeatedName as error:
        return _Value(line, problem=Sentence(str(error), "repeated_name"), text=text)
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        return _Value(line, problem=f"the line is not JSON{place}: write one JSON object per line.", text=text)


def _read_stream(text: str, position: int) -> Iterator[_Value]:
    """The values from a position on, one after the other, up to the first that is broken."""
    decoder = json.JSONDecoder(object_pairs_hook=_build_object)
    line, counted = 1, 0
    while True:
        while position < len(text) and text[position] in _BETWEEN:
            position += 1
        line, counted = line + text.count("\n", counted, position), position
        if position >= len(text):
            if text.lstrip(_BETWEEN).startswith("["):
                yield _Value(line, problem=Sentence(_NOT_CLOSED, "array_not_closed"))
            return
        if text[position] == "]":
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except _RepeatedName as error:
            problem: str = Sentence(f"{error} Nothing from here on was read.", "repeated_name")
            yield _Value(line, problem=problem, text=text[position:])
            return
        except (ValueError, RecursionError):
            problem = "the file is not JSON from here on: correct it or export it again."
            yield _Value(line, problem=problem, text=text[position:])
            return
        yield _Value(line, value)


def _unfold_object(text: str) -> Iterator[_Value]:
    """The objects in the one list of an object; the object itself if it is an answer or has no list."""
    value = _parse(text.strip(_BETWEEN), 1 + text.count("\n", 0, text.index("{")))
    if not isinstance(value.value, dict):
        yield value
        return
    if rows := _turn_columns(value.value):
        yield from (_Value(1, row) for row in rows)
        return
    names = tuple(value.value)
    # "answers" can be the list; an answer can have lists of its own.
    if any(isinstance(value.value[names[place]], str) for place in find_columns(names, {}).get("answer", [])):
        yield value
        return
    lists = list(_list_tables(value.value, (), _MOST_DEPTH))
    with_answers = [
        (name, rows) for name, rows in lists if any("answer" in find_columns(tuple(row), {}) for row in rows)
    ]
    chosen = with_answers or lists
    if len(chosen) > 1:
        listed = ", ".join(f"'{name}'" for name, _ in chosen)
        text = f"has several lists of objects ({listed}): keep the one with the answers."
        raise TableError(Sentence(text, "several_lists", names=listed))
    if not chosen:
        yield value
        return
    # The parser tells no lines.
    yield from (_Value(1, row) for row in chosen[0][1])


def _turn_columns(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an object of columns, as pandas writes it; none if it is something else."""
    values = list(columns.values())
    if "answer" not in find_columns(tuple(columns), {}) or not all(
        isinstance(column, dict) and column.keys() == values[0].keys() for column in values
    ):
        return []
    return [{name: column[row] for name, column in columns.items()} for row in (values[0] if values else ())]


def _list_tables(value: dict[str, Any], path: tuple[str, ...], depth: int) -> Iterator[tuple[str, list[Any]]]:
    """The lists of objects in an object, with their names."""
    for name, item in value.items():
        if isinstance(item, list) and item and all(isinstance(row, dict) for row in item):
            yield ".".join((*path, name)), item
        elif isinstance(item, dict) and depth > 1:
            yield from _list_tables(item, (*path, name), depth - 1)


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise _RepeatedName(f"the object has '{repeated}' twice: keep one.")
    return dict(pairs)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
