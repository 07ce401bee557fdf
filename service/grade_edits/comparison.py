"""Compares edited rows with the grades as they are now: what would change, and what cannot be applied."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vivavoce.graders.report.stored import parse_document
from vivavoce.graders.types import MAX_SCORE

from ..page.report_scores import find_score
from .problems import EditProblem
from .reading import EditedCell, EditedRow, write_text

MOST_COMMENT_CHARACTERS = 2000
# What a file shows of a score may be rounded.
_SAME = 1e-6


@dataclass(frozen=True)
class ExportedAt:
    """What an export knew: the cohort that it is of, and when it was read."""

    cohort_id: str | None
    snapshot_at: datetime


@dataclass(frozen=True)
class Current:
    """A grading as it is now, and the number of levels of each criterion of its rubric."""

    stored: sa.Row[Any]
    levels: Mapping[str, int]

    @property
    def before(self) -> dict[str, Any]:
        """What a person decided last, in the form of a change."""
        row = self.stored
        return {"score": row.human_score, "levels": dict(row.levels or {}), "comment": row.comment}


def compare_row(
    row: EditedRow, current: Current, exported: ExportedAt
) -> tuple[dict[str, Any] | None, list[EditProblem]]:
    """Returns the change that a row asks for, None if it asks for none, and its problems."""
    if problem := _find_mixed_ids(row, current):
        return None, [problem]
    after, problems = _read_decision(row, current)
    if not problems and after == current.before:
        return None, []
    if code := _find_staleness(current, exported):
        return None, [EditProblem(row.row, code)]
    return (None, problems) if problems else (_write_change(row, current, after), [])


def _find_mixed_ids(row: EditedRow, current: Current) -> EditProblem | None:
    for key in ("external_id", "candidate"):
        stored, written = getattr(current.stored, key), row.read_text(key)
        if key in row.fields and stored is not None and written and written != stored.strip():
            return EditProblem(row.row, "ids_disagree", row.fields[key].heading, written)
    return None


def _find_staleness(current: Current, exported: ExportedAt) -> str | None:
    """Returns the code of what happened to a grading since the export."""
    stored = current.stored
    if exported.cohort_id and stored.external_id is None:
        return "answer_changed"
    if stored.graded_at is None or stored.graded_at > exported.snapshot_at:
        return "graded_again"
    if stored.human_at is not None and stored.human_at > exported.snapshot_at:
        return "reviewed_since"
    return None


def _read_decision(row: EditedRow, current: Current) -> tuple[dict[str, Any], list[EditProblem]]:
    """Returns the decision in the cells of a row; a column that is not in the file leaves what there is."""
    problems: list[EditProblem] = []
    before = current.before
    score, comment = before["score"], before["comment"]
    if cell := row.fields.get("human_score"):
        score = _read_score(row.row, cell, before["score"], problems)
    if cell := row.fields.get("human_comment"):
        comment = _read_comment(row.row, cell, before["comment"], problems)
    levels = before["levels"] | dict(_read_levels(row, current, problems))
    return {"score": score, "levels": levels, "comment": comment}, problems


def _read_score(place: int, cell: EditedCell, before: float | None, problems: list[EditProblem]) -> float | None:
    text = _normalise(cell.value)
    if not text:
        if before is not None:
            problems.append(EditProblem(place, "cleared", cell.heading))
        return before
    score = _read_number(text)
    if score is None or not 0 <= score <= MAX_SCORE:
        problems.append(EditProblem(place, "not_a_score", cell.heading, text))
        return before
    return before if before is not None and abs(score - before) < _SAME else score


def _read_comment(place: int, cell: EditedCell, before: str | None, problems: list[EditProblem]) -> str | None:
    text = write_text(cell.value)
    if not text:
        if before:
            problems.append(EditProblem(place, "cleared", cell.heading))
        return before
    if len(text) > MOST_COMMENT_CHARACTERS:
        problems.append(EditProblem(place, "comment_too_long", cell.heading, text, MOST_COMMENT_CHARACTERS))
    # Programs change the ends of lines.
    is_same = before is not None and text.split() == before.split()
    return before if is_same else text


def _read_levels(row: EditedRow, current: Current, problems: list[EditProblem]) -> Iterator[tuple[str, int]]:
    names = list(current.levels)
    for position, cell in row.levels.items():
        text = _normalise(cell.value)
        criterion = row.criterion_ids.get(position) or (names[position - 1] if position <= len(names) else "")
        before = current.before["levels"].get(criterion)
        if not text:
            if before is not None:
                problems.append(EditProblem(row.row, "cleared", cell.heading))
            continue
        if criterion not in current.levels:
            problems.append(EditProblem(row.row, "no_criterion", cell.heading, text))
            continue
        level, highest = _read_number(text), current.levels[criterion] - 1
        if level is None or not level.is_integer() or not 0 <= level <= highest:
            problems.append(EditProblem(row.row, "not_a_level", cell.heading, text, highest))
            continue
        yield criterion, int(level)


def _write_change(row: EditedRow, current: Current, after: Mapping[str, Any]) -> dict[str, Any]:
    stored = current.stored
    return {
        "row": row.row,
        "grading_id": stored.grading_id,
        "external_id": stored.external_id,
        "candidate": stored.candidate,
        "question_id": stored.question_id,
        "machine_score": find_score(parse_document(stored.document)) if stored.document else None,
        "before": current.before,
        "after": dict(after),
        "replaces_person": stored.review_id is not None,
        "review_id": stored.review_id,
    }


def _normalise(value: Any) -> str:
    """Returns a figure as text, with full-width digits as ASCII."""
    return unicodedata.normalize("NFKC", write_text(value))


def _read_number(text: str) -> float | None:
    # float reads "nan", "1_0" and digits of other scripts too.
    if not text.isascii() or set(text) - set("0123456789.+"):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def count_replaced(changes: Sequence[Mapping[str, Any]]) -> int:
    """Returns how many changes replace the grade of a person."""
    return sum(bool(change["replaces_person"]) for change in changes)
