"""Finds the columns of our fields by their headings, however these are spelled."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml

from .model import Sentence, TableError

_SYNONYMS = Path(__file__).parent / "headings.yaml"
_OPTIONS = {"answer": "--answer-column", "candidate": "--candidate-column", "question_id": "--question-column"}
# Answers among headings need not be read to the end.
_LONGEST_HEADING = 500
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
# As many as a sheet of Excel has.
MOST_COLUMNS = 16_384
# A wide table would make no readable sentence.
_MOST_NAMED = 12


def normalize_heading(text: str) -> str:
    """The letters and digits of a heading, without regard to case, full width, blanks and marks."""
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_HEADING]).casefold()
    # "Answer (required)" is an answer.
    return _keep_letters(_BRACKETS.sub("", plain)) or _keep_letters(plain)


def strip_invisible(text: str) -> str:
    """The text without blanks and invisible characters around it."""
    first, last = 0, len(text)
    while first < last and _is_invisible(text[first]):
        first += 1
    while last > first and _is_invisible(text[last - 1]):
        last -= 1
    return text[first:last]


def is_blank(value: object) -> bool:
    """Whether a cell has nothing that can be seen."""
    return value is None or (isinstance(value, str) and all(map(_is_invisible, value)))


def name_columns(headings: Sequence[str]) -> tuple[str, ...]:
    """A name of its own for each heading: the heading itself, `column 3` without one, `Comments (2)` for a second."""
    names: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for number, heading in enumerate(headings, start=1):
        wanted = strip_invisible(heading) or f"column {number}"
        name = wanted
        while name in names:
            counts[wanted] += 1
            name = f"{wanted} ({counts[wanted] + 1})"
        names[name] = None
    return tuple(names)


def find_columns(headings: Sequence[str], chosen: Mapping[str, str]) -> dict[str, list[int]]:
    """The positions of the columns that each field can be in, from 0: one, or several that are equally likely."""
    headings = headings[:MOST_COLUMNS]
    keys = [normalize_heading(heading) for heading in headings]
    fields: dict[str, list[int]] = {}
    for field, groups in _load_synonyms().items():
        if field in chosen:
            matches = _find_chosen(headings, chosen[field])
        else:
            exact = [position for position, heading in enumerate(headings) if strip_invisible(heading) == field]
            matches = exact or next(filter(None, (_match_group(keys, group) for group in groups)), [])
        if matches:
            fields[field] = matches
    return fields


def require_columns(
    place: str, headings: Sequence[str], wanted: Sequence[str], chosen: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Raises TableError when a wanted field has no column, or several that are equally likely."""
    columns = name_columns(headings)
    fields = find_columns(headings, chosen)
    for field in wanted:
        matches = fields.get(field, [])
        option = _OPTIONS.get(field)
        if not matches:
            wanted_name = chosen.get(field, field)
            text = _describe_missing(place, columns, wanted_name, option)
            raise TableError(Sentence(text, "missing_column", name=wanted_name))
        if len(matches) > 1:
            named = " and ".join(f"'{columns[match]}' (column {match + 1})" for match in matches)
            how = f"name one with {option} NAME" if option else "rename all but one"
            text = f"{place} has several columns for '{field}': {named}: {how}."
            raise TableError(Sentence(text, "several_columns", name=field))


def _describe_missing(place: str, columns: Sequence[str], wanted: str, option: str | None) -> str:
    named = ", ".join(columns[:_MOST_NAMED]) or "none"
    if len(columns) > _MOST_NAMED:
        named += ", …"
    near = difflib.get_close_matches(wanted.lower(), [column.lower() for column in columns], n=1, cutoff=0.6)
    nearest = next((column for column in columns if near and column.lower() == near[0]), None)
    hint = f"is it '{nearest}'? " if nearest else ""
    how = f"name the column you mean with {option} NAME" if option else f"rename the column you mean to '{wanted}'"
    if option == _OPTIONS["question_id"]:
        how += ", or one question for all rows with --question"
    return f"{place} has no column '{wanted}' (its columns: {named}): {hint}{how}."


def _find_chosen(headings: Sequence[str], chosen: str) -> list[int]:
    """The column that the user named: as it is called in messages, or else in plain letters."""
    exact = [position for position, name in enumerate(name_columns(headings)) if name == chosen.strip()]
    key = normalize_heading(chosen)
    similar = [position for position, heading in enumerate(headings) if key and normalize_heading(heading) == key]
    return exact or similar


def _keep_letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _match_group(keys: Sequence[str], group: frozenset[str]) -> list[int]:
    stems = Counter(key.rstrip("0123456789") for key in keys)
    # "Response 1" beside "Response 2" is one of several answers.
    return [
        position
        for position, key in enumerate(keys)
        if key in group and (not key[-1].isdecimal() or stems[key.rstrip("0123456789")] == 1)
    ]


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Cc", "Zl", "Zp")


@cache
def _load_synonyms() -> dict[str, list[frozenset[str]]]:
    fields: dict[str, list[list[str]]] = yaml.safe_load(_SYNONYMS.read_text(encoding="utf-8"))
    return {
        field: [frozenset(normalize_heading(str(name)) for name in group) for group in groups]
        for field, groups in fields.items()
    }
