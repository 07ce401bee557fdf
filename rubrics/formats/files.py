"""One door for all formats, by the ending of a file's name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from ..errors import InvalidRubric, RubricUnreadable, first_problem
from ..loader import BYTE_ORDER_MARK, load_rubric, read_text
from ..model import Language, Rubric
from . import canvas, markdown

FORMATS = {".yaml": "YAML", ".yml": "YAML", ".json": "JSON", ".md": "Markdown", ".csv": "Canvas"}
"""The format of a file by the ending of its name."""


@dataclass(frozen=True)
class RubricFile:
    """What a file held; `notices` say what of it could not be kept, a sentence each."""

    rubrics: tuple[Rubric, ...]
    notices: tuple[str, ...] = ()


def format_of(path: Path) -> str:
    """The format that a file's name speaks of; raises RubricUnreadable for any other."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(FORMATS)
        raise RubricUnreadable(f"{path}: its ending does not say what it is; use one of {endings}.") from None


def read_rubrics(path: Path, *, language: Language = "en") -> RubricFile:
    """The rubrics in a file.

    A Canvas file holds several and does not say their language; they come as drafts. Raises
    RubricUnreadable or InvalidRubric with file, place and mend in one sentence.
    """
    kind = format_of(path)
    if kind == "YAML":
        return RubricFile((load_rubric(path),))
    text = read_text(path)
    if kind == "Canvas":
        return RubricFile(*canvas.read(text, source=str(path), language=language))
    text = text.removeprefix(BYTE_ORDER_MARK)
    if kind == "Markdown":
        return RubricFile((markdown.read(text, source=str(path)),))
    return RubricFile((_from_json(text, path),))


def write_rubrics(rubrics: Sequence[Rubric], path: Path) -> None:
    """Write rubrics to a file; raises InvalidRubric when its format holds one and there are several."""
    kind = format_of(path)
    if kind != "Canvas" and len(rubrics) != 1:
        raise InvalidRubric(f"{path}: {kind} holds one rubric a file, not {len(rubrics)}: write to a folder instead.")
    path.write_bytes(_WRITERS[kind](rubrics).encode("utf-8"))


def losses(rubrics: Sequence[Rubric], kind: str) -> list[str]:
    """What of the rubrics a format cannot hold, a sentence each; empty when it holds everything."""
    if kind == "Canvas":
        return canvas.losses(rubrics)
    if kind == "Markdown" and any(rubric.origin for rubric in rubrics):
        return ["Markdown does not say how the Canvas file that a rubric came from was laid out."]
    return []


def _from_json(text: str, path: Path) -> Rubric:
    try:
        return Rubric.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise RubricUnreadable(f"{path}, line {error.lineno}: {error.msg}; mend the JSON there.") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            raise InvalidRubric(f"{path}: {first_problem(error)[1]}.") from None
        raise RubricUnreadable(
            f"{path}: a number in it is too long, or it is nested too deep: mend the JSON."
        ) from None


def to_yaml(rubric: Rubric) -> str:
    """A rubric file as people edit it; what has its default is left out."""
    document = rubric.model_dump(mode="json", exclude_defaults=True)
    # A draft says so before anything else.
    ordered = {**{name: value for name, value in document.items() if name == "status"}, **document}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=110)


def _to_json(rubric: Rubric) -> str:
    return json.dumps(rubric.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, indent=2) + "\n"


_WRITERS: dict[str, Callable[[Sequence[Rubric]], str]] = {
    "YAML": lambda rubrics: to_yaml(rubrics[0]),
    "JSON": lambda rubrics: _to_json(rubrics[0]),
    "Markdown": lambda rubrics: markdown.write(rubrics[0]),
    "Canvas": canvas.write,
}
