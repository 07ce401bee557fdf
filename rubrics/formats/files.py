"""Reads and writes rubric files of any format, which the ending of the file name selects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..errors import InvalidRubric, RubricUnreadable
from ..loader import BYTE_ORDER_MARK, find_line, load_rubric, read_any_text
from ..model import Language, Rubric
from ..problems import first_problem
from . import canvas, markdown

FORMATS = {".yaml": "YAML", ".yml": "YAML", ".json": "JSON", ".md": "Markdown", ".csv": "Canvas"}
"""The format of a file by the ending of its name."""


@dataclass(frozen=True)
class RubricFile:
    """The rubrics in a file.

    `notices` say what of the file is not kept, `failures` which of its rubrics cannot be imported, one sentence each.
    """

    rubrics: tuple[Rubric, ...]
    notices: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def format_of(path: Path) -> str:
    """The format of a file by its name; raises RubricUnreadable for an unknown ending."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(FORMATS)
        raise RubricUnreadable(f"{path}: the ending does not name a format; use one of {endings}.") from None


def read_rubrics(path: Path, *, language: Language = "en", encoding: str | None = None) -> RubricFile:
    """The rubrics in a file.

    A Canvas file may hold several and does not name their `language`; its rubrics are drafts. Without
    `encoding` that of the file is found; YAML is in UTF-8. Raises RubricUnreadable
    or InvalidRubric, which name file, location and fix in one sentence.
    """
    kind = format_of(path)
    if kind == "YAML" and encoding:
        raise RubricUnreadable(f"{path}: YAML is read as UTF-8 only: save it as UTF-8, and leave out --encoding.")
    if kind == "YAML":
        return RubricFile((load_rubric(path),))
    text, notice = read_any_text(path, encoding=encoding)
    notices = (notice,) if notice else ()
    if kind == "Canvas":
        # Canvas keeps the byte order mark, to write it again.
        read = canvas.read_canvas(text, source=str(path), language=language)
        return RubricFile(read.rubrics, notices + read.notices, read.failures)
    text = text.removeprefix(BYTE_ORDER_MARK)
    if kind == "Markdown":
        return RubricFile((markdown.read_page(text, source=str(path)),), notices)
    return RubricFile((_read_json(text, path),), notices)


def write_rubrics(rubrics: Sequence[Rubric], path: Path) -> None:
    """Write rubrics to a file.

    Raises InvalidRubric if the format holds one rubric per file and there are several, or if the Canvas layout that a
    rubric carries is invalid.
    """
    kind = format_of(path)
    if kind != "Canvas" and len(rubrics) != 1:
        raise InvalidRubric(f"{path}: {kind} holds one rubric a file, not {len(rubrics)}: write to a folder instead.")
    path.write_bytes(_WRITERS[kind](rubrics).encode("utf-8"))


def losses(rubrics: Sequence[Rubric], kind: str) -> list[str]:
    """What a format cannot hold of the rubrics, one sentence each; empty if it holds everything."""
    if kind == "Canvas":
        return canvas.list_losses(rubrics)
    if kind == "Markdown" and any(rubric.origin for rubric in rubrics):
        return ["Markdown does not keep the layout of the Canvas file that a rubric came from."]
    return []


def to_yaml(rubric: Rubric) -> str:
    """The YAML of a rubric, as people edit it: fields that have their default are left out."""
    document = rubric.model_dump(mode="json", exclude_defaults=True)
    # A draft is to be recognised at the first line.
    ordered = {**{name: value for name, value in document.items() if name == "status"}, **document}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=110)


def _to_json(rubric: Rubric) -> str:
    return json.dumps(rubric.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, indent=2) + "\n"


class _TwiceGivenError(Exception):
    """A field that a JSON object has twice."""


def _read_json(text: str, path: Path) -> Rubric:
    try:
        document = json.loads(text, object_pairs_hook=_refuse_twins)
    except json.JSONDecodeError as error:
        raise RubricUnreadable(f"{path}, line {error.lineno}: {error.msg}; fix the JSON there.") from None
    except _TwiceGivenError as error:
        raise InvalidRubric(f"{path}: field '{error}' is given twice in one place: remove one of them.") from None
    except (ValueError, RecursionError):
        raise RubricUnreadable(
            f"{path}: a number in it is too long, or it is nested too deep: fix the JSON there."
        ) from None
    if not isinstance(document, dict):
        raise InvalidRubric(f'{path}, line 1: a rubric is one object: begin it with {{"question": ….')
    try:
        return Rubric.model_validate(document)
    except ValidationError as error:
        location, problem = first_problem(error, document)
        raise InvalidRubric(f"{path}{_name_line(text, location)}: {problem}.") from None


def _name_line(text: str, location: Sequence[str | int]) -> str:
    """The line of a place in JSON, if YAML can read it, too; nearly all JSON is YAML."""
    try:
        return f", line {find_line(text, *location)}"
    except yaml.YAMLError:
        return ""


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some pairs, of which JSON would drop the first of a name."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise _TwiceGivenError(name)
        fields[name] = value
    return fields


_WRITERS: dict[str, Callable[[Sequence[Rubric]], str]] = {
    "YAML": lambda rubrics: to_yaml(rubrics[0]),
    "JSON": lambda rubrics: _to_json(rubrics[0]),
    "Markdown": lambda rubrics: markdown.write_page(rubrics[0]),
    "Canvas": canvas.write_canvas,
}
