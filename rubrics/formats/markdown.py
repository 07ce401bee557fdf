"""A rubric as a Markdown page that people read and edit, and back.

The page has a title, a list with the data of the question, a section for each criterion, tables for levels and expected
points, and the references. Text that belongs to no part of a rubric is an error with its line, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ..criteria import Criterion
from ..errors import InvalidRubric
from ..model import Rubric
from ..problems import first_problem
from .markdown_text import escape_text, format_table, split_row, unescape_text

_QUESTION_FIELDS = ("id", "language", "topic", "difficulty", "minutes", "handbook")
_HEADING = re.compile(r"^(#{1,3}) (.*)$")
_FIELD = re.compile(r"^- ([a-z_]+): (.*)$")
_CRITERION = re.compile(r"^([a-z0-9-]+): (.*)$", re.DOTALL)
_LEVEL = re.compile(r"^- ([a-z0-9-]+): (\d+)$")
_SECTIONS = ("criteria", "expected points", "references", "graded examples", "notes")


def write_page(rubric: Rubric) -> str:
    """The page of a rubric; all but the origin can be read back."""
    question = rubric.question
    lines = [f"# {escape_text(question.text)}", ""]
    lines += [f"- {name}: {value}" for name in _QUESTION_FIELDS if (value := getattr(question, name)) is not None]
    lines.append(f"- status: {rubric.status}")
    if rubric.weights:
        shares = ", ".join(f"{name} {weight:g}" for name, weight in rubric.weights.model_dump().items())
        lines.append(f"- weights: {shares}")
    lines += ["", "## Criteria"]
    for criterion in rubric.criteria:
        lines += ["", *_format_criterion(criterion)]
    lines += ["", "## Expected points", ""]
    lines += format_table(
        ("id", "criterion", "importance", "point"),
        [(p.id, p.criterion, p.importance, p.text) for p in rubric.expected_points],
    )
    lines += ["", "## References"]
    for reference in rubric.references:
        lines += ["", f"### {reference.length}", "", escape_text(reference.text)]
    if rubric.examples:
        lines += ["", "## Graded examples"]
    for number, example in enumerate(rubric.examples, start=1):
        levels = [f"- {name}: {level}" for name, level in example.levels.items()]
        lines += ["", f"### {number}", "", *levels, "", escape_text(example.answer)]
    if rubric.notes:
        lines += ["", "## Notes", "", escape_text(rubric.notes)]
    return "\n".join(lines) + "\n"


def read_page(text: str, *, source: str) -> Rubric:
    """The rubric on a page; raises InvalidRubric with location and fix in one sentence."""
    parts = _split_parts(text)
    if parts[0].depth != 1 or parts[0].line != 1:
        raise InvalidRubric(f"{source}, line 1: the page must begin with the question as a heading: # What is …?")
    try:
        document = _build_document(parts)
    except _MisplacedTextError as error:
        raise InvalidRubric(f"{source}, line {error.line}: {error}.") from None
    try:
        return Rubric.model_validate(document)
    except ValidationError as error:
        location, problem = first_problem(error, document)
        raise InvalidRubric(f"{source}, line {_find_part(parts, location)}: {problem}.") from None


def _find_part(parts: Sequence[_Part], location: Sequence[str | int]) -> int:
    """The line of the heading above a place in the data, such as `"criteria", 0, "points"`."""
    name = str(location[0]).replace("examples", "graded examples").replace("_", " ") if location else ""
    section = next((at for at, part in enumerate(parts) if part.depth == 2 and part.title.lower() == name), 0)
    number = location[1] if len(location) > 1 else None
    at = section + number + 1 if isinstance(number, int) and name != "expected points" else section
    return parts[min(at, len(parts) - 1)].line


class _MisplacedTextError(Exception):
    """A line that does not fit the page."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class _Part:
    """A heading with the non-blank lines under it and their numbers; the `take_` methods remove what they read.

    `depth` is 1 to 3, or 0 for lines before the first heading.
    """

    depth: int
    title: str
    line: int
    lines: list[tuple[int, str]] = field(default_factory=list)

    def take_fields(self, pattern: re.Pattern[str]) -> dict[str, str]:
        """The list at the start of the part."""
        fields: dict[str, str] = {}
        while self.lines and (match := pattern.match(self.lines[0][1])):
            if match[1] in fields:
                raise _MisplacedTextError(self.lines[0][0], f"'{match[1]}' is given twice: remove one of them")
            fields[match[1]] = match[2].strip()
            del self.lines[0]
        return fields

    def take_rows(self, names: Sequence[str]) -> list[dict[str, str]]:
        """The rows of the table that comes next, by the names of its columns."""
        lines = []
        while self.lines and self.lines[0][1].startswith("|"):
            lines.append(self.lines.pop(0))
        rows = []
        # The first two lines are headings and the rule below them.
        for number, line in lines[2:]:
            cells = split_row(line)
            if len(cells) != len(names):
                raise _MisplacedTextError(
                    number, f"a row here has {len(names)} cells, this one {len(cells)}: write \\| for a | in the text"
                )
            rows.append(dict(zip(names, cells, strict=True)))
        return rows

    def take_note(self) -> str:
        """The quoted lines at the end of the part."""
        start = len(self.lines)
        while start and self.lines[start - 1][1].startswith(">"):
            start -= 1
        quoted = [unescape_text(line[1:].strip()) for _, line in self.lines[start:]]
        del self.lines[start:]
        return "\n".join(quoted)

    def take_text(self) -> str:
        """All remaining lines."""
        texts = [unescape_text(line.strip()) for _, line in self.lines]
        self.lines.clear()
        return "\n".join(texts)

    def check_empty(self) -> None:
        """Raise _MisplacedTextError if a line is left."""
        if self.lines:
            number, line = self.lines[0]
            raise _MisplacedTextError(number, f"'{line.strip()[:40]}' has no place here: move or remove it")


def _format_criterion(criterion: Criterion) -> list[str]:
    lines = [f"### {criterion.id}: {escape_text(criterion.title)}", "", f"- kind: {criterion.kind}"]
    if criterion.kind == "ordinal":
        # repr keeps all digits of a number.
        rows = [(f"{level.points!r}", level.name, level.description) for level in criterion.levels]
        lines += ["", *format_table(("points", "name", "description"), rows)]
    else:
        lines += [f"- cap: {criterion.cap!r}" if criterion.kind == "gate" else f"- points: {criterion.points!r}"]
        lines += ["", escape_text(criterion.statement)]
    if criterion.grader_notes:
        lines += ["", f"> {escape_text(criterion.grader_notes)}"]
    return lines


def _split_parts(text: str) -> list[_Part]:
    """The parts of a page; lines before the first heading are a part of depth 0, if there are any."""
    parts = [_Part(0, "", 0)]
    # splitlines() would also break texts at rarer line ends.
    for number, line in enumerate(text.split("\n"), start=1):
        heading = _HEADING.match(line.removesuffix("\r"))
        if heading:
            parts.append(_Part(len(heading[1]), unescape_text(heading[2]), number))
        elif line.strip():
            parts[-1].lines.append((number, line.removesuffix("\r")))
    return parts if parts[0].lines or len(parts) == 1 else parts[1:]


def _build_document(parts: Sequence[_Part]) -> dict[str, Any]:
    """The data of a rubric, for validation; raises _MisplacedTextError."""
    head = parts[0].take_fields(_FIELD)
    status = head.pop("status", "draft")
    weights = head.pop("weights", None)
    document: dict[str, Any] = {
        "question": {**head, "text": parts[0].title},
        "status": status,
        "weights": dict(_parse_weight(item, parts[0].line) for item in weights.split(",")) if weights else None,
        "criteria": [],
        "expected_points": [],
        "references": [],
        "examples": [],
    }
    section = ""
    for part in parts[1:]:
        if part.depth == 2:
            section = part.title.lower()
            _read_section(part, section, document)
        elif section == "criteria":
            document["criteria"].append(_read_criterion(part))
        elif section == "references":
            document["references"].append({"length": part.title, "text": part.take_text()})
        elif section == "graded examples":
            levels = part.take_fields(_LEVEL)
            document["examples"].append({"answer": part.take_text(), "levels": levels})
        else:
            raise _MisplacedTextError(
                part.line, f"'{part.title}' belongs to no section: move it under one of the headings"
            )
    for part in parts:
        part.check_empty()
    return document


def _read_section(part: _Part, section: str, document: dict[str, Any]) -> None:
    """Read what stands right under a section's heading into the document."""
    if section not in _SECTIONS:
        raise _MisplacedTextError(part.line, f"there is no section '{part.title}': use {', '.join(_SECTIONS)}")
    if section == "expected points":
        document["expected_points"] = part.take_rows(("id", "criterion", "importance", "text"))
    elif section == "notes":
        document["notes"] = part.take_text()


def _parse_weight(text: str, line: int) -> tuple[str, str]:
    name, _, value = text.strip().partition(" ")
    if not value:
        raise _MisplacedTextError(
            line, f"the weight '{text.strip()}' has no value: write weights: judge 2, embedding 1"
        )
    return name, value.strip()


def _read_criterion(part: _Part) -> dict[str, Any]:
    match = _CRITERION.match(part.title)
    if not match:
        raise _MisplacedTextError(part.line, "a criterion's heading must be its identifier, a colon and its title")
    fields = part.take_fields(_FIELD)
    criterion: dict[str, Any] = {**fields, "id": match[1], "title": match[2], "grader_notes": part.take_note()}
    if criterion.get("kind") == "ordinal":
        criterion["levels"] = part.take_rows(("points", "name", "description"))
    else:
        criterion["statement"] = part.take_text()
    return criterion
