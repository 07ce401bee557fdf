"""A rubric as a page that people read and edit, and from there back into a rubric.

A title, a list of what the question is, a section for each criterion, tables for levels and expected points, and
the references. Line breaks inside a table or a paragraph are written `<br>`; characters that Markdown would take
for its own have a backslash before them, and blanks that it would drop are written as character references. What
stands where the page has no place for it is named with its line, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ..errors import InvalidRubric, first_problem
from ..model import Criterion, Rubric

_QUESTION_FIELDS = ("id", "language", "topic", "difficulty", "minutes", "handbook")
_SPECIAL = re.compile(r"([\\|<>`*_#\[\]]|&(?=#))")
# Blanks at the ends, and what some programs take for the end of a line.
_DROPPED = re.compile(r"^\s+|\s+$|[\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]")
_ESCAPED = re.compile(r"\\(.)|<br>|&#(\d+);")
_CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
_HEADING = re.compile(r"^(#{1,3}) (.*)$")
_FIELD = re.compile(r"^- ([a-z_]+): (.*)$")
_CRITERION = re.compile(r"^([a-z0-9-]+): (.*)$", re.DOTALL)
_LEVEL = re.compile(r"^- ([a-z0-9-]+): (\d+)$")
_BREAK = "<br>"
_SECTIONS = ("criteria", "expected points", "references", "graded examples", "notes")


def write(rubric: Rubric) -> str:
    """The page."""
    question = rubric.question
    lines = [f"# {_escape(question.text)}", ""]
    lines += [f"- {name}: {value}" for name in _QUESTION_FIELDS if (value := getattr(question, name)) is not None]
    lines.append(f"- status: {rubric.status}")
    if rubric.weights:
        shares = ", ".join(f"{name} {weight:g}" for name, weight in rubric.weights.model_dump().items())
        lines.append(f"- weights: {shares}")
    lines += ["", "## Criteria"]
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
    parts = _parts(text)
    if parts[0].depth != 1 or parts[0].line != 1:
        raise InvalidRubric(f"{source}, line 1: the page begins with the question as a heading: # What is …?")
    try:
        return Rubric.model_validate(_document(parts))
    except ValidationError as error:
        raise InvalidRubric(f"{source}: {first_problem(error)[1]}.") from None
    except _Misplaced as error:
        raise InvalidRubric(f"{source}, line {error.line}: {error}.") from None


class _Misplaced(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class _Part:
    """What stands under a heading: its lines that are not blank, with their numbers; takers remove what they read."""

    depth: int
    title: str
    line: int
    lines: list[tuple[int, str]] = field(default_factory=list)

    def take_fields(self, pattern: re.Pattern[str]) -> dict[str, str]:
        """The list that the part begins with."""
        found = {}
        while self.lines and (match := pattern.match(self.lines[0][1])):
            found[match[1]] = match[2].strip()
            del self.lines[0]
        return found

    def take_rows(self, names: Sequence[str]) -> list[dict[str, str]]:
        """The table that the part goes on with, without its two lines of head."""
        rows = []
        while self.lines and self.lines[0][1].startswith("|"):
            rows.append(self.lines.pop(0))
        found = []
        for number, line in rows[2:]:
            cells = _row(line)
            if len(cells) != len(names):
                raise _Misplaced(
                    number, f"a row here has {len(names)} cells, this one {len(cells)}: write \\| for a | in the text"
                )
            found.append(dict(zip(names, cells, strict=True)))
        return found

    def take_note(self) -> str:
        """The quoted lines that the part ends with."""
        start = len(self.lines)
        while start and self.lines[start - 1][1].startswith(">"):
            start -= 1
        quoted = [_unescape(line[1:].strip()) for _, line in self.lines[start:]]
        del self.lines[start:]
        return "\n".join(quoted)

    def take_text(self) -> str:
        """All that is left."""
        said = [_unescape(line.strip()) for _, line in self.lines]
        self.lines.clear()
        return "\n".join(said)

    def end(self) -> None:
        """Raise _Misplaced when something is left that belongs to nothing."""
        if self.lines:
            number, line = self.lines[0]
            raise _Misplaced(number, f"'{line.strip()[:40]}' has no place here: move or remove it")


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


def _parts(text: str) -> list[_Part]:
    """What stands under each heading, and before the first (depth 0) if there is anything."""
    parts = [_Part(0, "", 0)]
    for number, line in enumerate(text.split("\n"), start=1):
        heading = _HEADING.match(line.removesuffix("\r"))
        if heading:
            parts.append(_Part(len(heading[1]), _unescape(heading[2]), number))
        elif line.strip():
            parts[-1].lines.append((number, line.removesuffix("\r")))
    return parts if parts[0].lines or len(parts) == 1 else parts[1:]


def _document(parts: Sequence[_Part]) -> dict[str, Any]:
    head = parts[0].take_fields(_FIELD)
    status = head.pop("status", "draft")
    weights = head.pop("weights", None)
    document: dict[str, Any] = {
        "question": {**head, "text": parts[0].title},
        "status": status,
        "weights": dict(_weight(each, parts[0].line) for each in weights.split(",")) if weights else None,
        "criteria": [],
        "expected_points": [],
        "references": [],
        "examples": [],
    }
    section = ""
    for part in parts[1:]:
        if part.depth == 2:
            section = part.title.lower()
            if section not in _SECTIONS:
                raise _Misplaced(part.line, f"there is no section '{part.title}': use {', '.join(_SECTIONS)}")
            if section == "expected points":
                document["expected_points"] = part.take_rows(("id", "criterion", "importance", "text"))
            elif section == "notes":
                document["notes"] = part.take_text()
        elif section == "criteria":
            document["criteria"].append(_criterion(part))
        elif section == "references":
            document["references"].append({"length": part.title, "text": part.take_text()})
        elif section == "graded examples":
            levels = part.take_fields(_LEVEL)
            document["examples"].append({"answer": part.take_text(), "levels": levels})
        else:
            raise _Misplaced(part.line, f"'{part.title}' belongs to no section: put it under one of the headings")
    for part in parts:
        part.end()
    return document


def _weight(said: str, line: int) -> tuple[str, str]:
    name, _, value = said.strip().partition(" ")
    if not value:
        raise _Misplaced(line, f"the weight '{said.strip()}' has no value: write weights: judge 2, embedding 1")
    return name, value.strip()


def _criterion(part: _Part) -> dict[str, Any]:
    found = _CRITERION.match(part.title)
    if not found:
        raise _Misplaced(part.line, "a criterion's heading is its identifier, a colon and its title")
    fields = part.take_fields(_FIELD)
    criterion: dict[str, Any] = {**fields, "id": found[1], "title": found[2], "grader_notes": part.take_note()}
    if criterion.get("kind") == "ordinal":
        criterion["levels"] = part.take_rows(("points", "name", "description"))
    else:
        criterion["statement"] = part.take_text()
    return criterion


def _row(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    cells, start = [], 0
    for end in _CELL_END.finditer(inner):
        cells.append(inner[start : end.end() - 1])
        start = end.end()
    if inner[start:].strip():
        # The last stroke may be left out.
        cells.append(inner[start:])
    return [_unescape(cell.strip()) for cell in cells]


def _escape(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", text)
    # A line that begins like a list or a number must not become one.
    if re.match(r"(?:[-+] |\d+[.)] )", escaped):
        escaped = "\\" + escaped
    kept = _DROPPED.sub(lambda found: "".join(f"&#{ord(blank)};" for blank in found[0]), escaped)
    return kept.replace("\n", _BREAK)


def _unescape(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        return found[1] or (chr(int(found[2])) if found[2] else "\n")

    return _ESCAPED.sub(plain, text)
