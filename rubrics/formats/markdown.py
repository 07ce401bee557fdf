"""A rubric as a page that people read and edit, and from there back into a rubric.

A title, a list of what the question is, a section for each criterion, tables for levels and expected points, and
the references. Line breaks inside a table or a paragraph are written `<br>`; characters that Markdown would take
for its own have a backslash before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ..errors import InvalidRubric
from ..model import Criterion, Rubric

_QUESTION_FIELDS = ("id", "language", "topic", "difficulty", "minutes", "handbook")
_SPECIAL = re.compile(r"([\\|<>`*_#\[\]])")
_ESCAPED = re.compile(r"\\(.)")
_CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
_HEADING = re.compile(r"^(#{1,3}) (.*)$")
_FIELD = re.compile(r"^- ([a-z_]+): (.*)$")
_CRITERION = re.compile(r"^([a-z0-9-]+): (.*)$", re.DOTALL)
_BREAK = "<br>"
_MARK = "\x00"


def write(rubric: Rubric) -> str:
    """The page."""
    question = rubric.question
    lines = [f"# {_escape(question.text)}", ""]
    lines += [f"- {name}: {value}" for name in _QUESTION_FIELDS if (value := getattr(question, name)) is not None]
    lines += [f"- status: {rubric.status}", "", "## Criteria"]
    for criterion in rubric.criteria:
        lines += ["", *_criterion_lines(criterion)]
    lines += ["", "## Expected points", ""]
    lines += _table(
        ("id", "criterion", "importance", "point"),
        [(p.id, p.criterion, p.importance, p.text) for p in rubric.expected_points],
    )
    lines += ["", "## References"]
    for reference in rubric.references:
        lines += ["", f"### {reference.length}", "", _escape(reference.text)]
    if rubric.examples:
        lines += ["", "## Graded examples"]
    for number, example in enumerate(rubric.examples, start=1):
        levels = [f"- {name}: {level}" for name, level in example.levels.items()]
        lines += ["", f"### {number}", "", *levels, "", _escape(example.answer)]
    if rubric.notes:
        lines += ["", "## Notes", "", _escape(rubric.notes)]
    return "\n".join(lines) + "\n"


def read(text: str, *, source: str) -> Rubric:
    """The rubric on a page; raises InvalidRubric with the place and the mend in one sentence."""
    parts = list(_parts(text))
    if not parts or parts[0].depth != 1:
        raise InvalidRubric(f"{source}, line 1: the page begins with the question as a heading: # What is …?")
    try:
        return Rubric.model_validate(_document(parts))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the rubric"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidRubric(f"{source}: {where}: {message}.") from None
    except _Misplaced as error:
        raise InvalidRubric(f"{source}, line {error.line}: {error}.") from None


class _Misplaced(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class _Part:
    """What stands under a heading: fields, table rows, a quoted note and the paragraph."""

    depth: int
    title: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""
    text: str = ""


def _criterion_lines(criterion: Criterion) -> list[str]:
    lines = [f"### {criterion.id}: {_escape(criterion.title)}", "", f"- kind: {criterion.kind}"]
    if criterion.kind == "ordinal":
        rows = [(f"{level.points!r}", level.name, level.description) for level in criterion.levels]
        lines += ["", *_table(("points", "name", "description"), rows)]
    else:
        lines += [f"- cap: {criterion.cap!r}" if criterion.kind == "gate" else f"- points: {criterion.points!r}"]
        lines += ["", _escape(criterion.statement)]
    if criterion.grader_notes:
        lines += ["", f"> {_escape(criterion.grader_notes)}"]
    return lines


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join('---' for _ in head)} |",
        *(f"| {' | '.join(map(_escape, row))} |" for row in rows),
    ]


def _parts(text: str) -> Iterator[_Part]:
    part: _Part | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        heading = _HEADING.match(line)
        if heading:
            if part:
                yield part
            part = _Part(len(heading[1]), _unescape(heading[2]), number)
        elif part and line.strip():
            _read_line(part, line)
    if part:
        yield part


def _read_line(part: _Part, line: str) -> None:
    found = _FIELD.match(line)
    if line.startswith("|"):
        part.rows.append(_row(line))
    elif found and not part.text:
        part.fields[found[1]] = found[2].strip()
    elif line.startswith("- ") and not part.text and ":" in line:
        name, _, value = line[2:].partition(":")
        part.fields[name.strip()] = value.strip()
    elif line.startswith(">"):
        part.note = "\n".join(filter(None, [part.note, _unescape(line[1:].strip())]))
    else:
        part.text = "\n".join(filter(None, [part.text, _unescape(line.strip())]))


def _document(parts: Sequence[_Part]) -> dict[str, Any]:
    question = {name: parts[0].fields[name] for name in _QUESTION_FIELDS if name in parts[0].fields}
    document: dict[str, Any] = {
        "question": {**question, "text": parts[0].title},
        "status": parts[0].fields.get("status", "draft"),
        "criteria": [],
        "expected_points": [],
        "references": [],
        "examples": [],
    }
    section = ""
    for part in parts[1:]:
        if part.depth == 2:
            section = part.title.lower()
            if section == "expected points":
                document["expected_points"] = [
                    dict(zip(("id", "criterion", "importance", "text"), row, strict=False)) for row in part.rows[2:]
                ]
            elif section == "notes":
                document["notes"] = part.text
            continue
        if section == "criteria":
            document["criteria"].append(_criterion(part))
        elif section == "references":
            document["references"].append({"length": part.title, "text": part.text})
        elif section == "graded examples":
            document["examples"].append({"answer": part.text, "levels": part.fields})
        else:
            raise _Misplaced(part.line, f"'{part.title}' belongs to no section: put it under one of the headings")
    return document


def _criterion(part: _Part) -> dict[str, Any]:
    found = _CRITERION.match(part.title)
    if not found:
        raise _Misplaced(part.line, "a criterion's heading is its identifier, a colon and its title")
    criterion: dict[str, Any] = {**part.fields, "id": found[1], "title": found[2], "grader_notes": part.note}
    if criterion.get("kind") == "ordinal":
        criterion["levels"] = [dict(zip(("points", "name", "description"), row, strict=False)) for row in part.rows[2:]]
    else:
        criterion["statement"] = part.text
    return criterion


def _row(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    cells, start = [], 0
    for end in _CELL_END.finditer(inner):
        cells.append(inner[start : end.end() - 1])
        start = end.end()
    return [_unescape(cell.strip()) for cell in cells]


def _escape(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", text)
    # A line that begins like a list or a number must not become one.
    if re.match(r"(?:[-+] |\d+[.)] )", escaped):
        escaped = "\\" + escaped
    return escaped.replace("\n", _BREAK)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text.replace(_BREAK, "\n"))
