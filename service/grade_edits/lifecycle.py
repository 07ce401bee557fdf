"""Edited grades of an export: compared and kept, then applied once by the id of what was compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..errors import UnusableEdits, WrongState
from ..exports import lifecycle as exports
from ..exports.answers import OUTCOME
from ..gradings.reviews import NewReview, add_review
from ..lookup import get_own
from ..storage import clock
from ..storage.repositories.exports import AnswerRepository
from ..storage.tables import Export, GradeEdit, Grading
from .comparison import Current, ExportedAt, compare_row, count_replaced
from .problems import EditProblem
from .reading import EditedRow, read_edits

_AT_ONCE = 500
SOURCE: Literal["import"] = "import"


def compare(session: Session, export_id: str, data: bytes, *, file_name: str, actor: str) -> GradeEdit:
    """Compares an edited file with the grades of now and keeps what would change; changes nothing.

    Raises NotFound, WrongState or UnusableEdits.
    """
    export = exports.get_finished(session, export_id)
    if export.format not in ("csv", "xlsx"):
        raise UnusableEdits(f"Only csv and xlsx can be sent back, and this export is {export.format}: export again.")
    rows = read_edits(data, export.dictionary or [])
    changes, problems, unchanged = _compare_rows(session, export, rows)
    edit = GradeEdit(
        organisation_id=export.organisation_id,
        export_id=export.id,
        file_name=file_name,
        sha256=hashlib.sha256(data).hexdigest(),
        counts={
            "rows": len(rows),
            "changed": len(changes),
            "replacing_person": count_replaced(changes),
            "unchanged": unchanged,
            "problems": len(problems),
        },
        changes=changes,
        problems=[problem.to_dict() for problem in problems],
        created_by=actor,
        created_at=clock.now(),
    )
    session.add(edit)
    session.flush()
    return edit


def get(session: Session, edit_id: str) -> GradeEdit:
    """Returns a comparison with its rows. Raises NotFound."""
    edit = get_own(session, GradeEdit, edit_id, name="grade edit")
    # Loaded now, since the session ends before they are shown.
    session.refresh(edit, ["changes", "problems"])
    return edit


def apply(session: Session, edit_id: str, *, actor: str, skip_problems: bool) -> GradeEdit:
    """Adds a review for each changed row. A comparison that was applied already is returned as it is.

    Raises NotFound, or WrongState if rows have problems, or if grades have changed since the comparison.
    """
    get_own(session, GradeEdit, edit_id, name="grade edit", lock=True)
    edit = get(session, edit_id)
    if edit.applied_at is not None:
        return edit
    if edit.problems and not skip_problems:
        raise WrongState(
            f"{len(edit.problems)} rows cannot be applied: repair the file and send it again, or set skip_problems to "
            "true to leave them out."
        )
    _require_unchanged(session, edit)
    for change, grading in _lock_gradings(session, edit.changes):
        add_review(session, grading, NewReview(reviewer=actor, actor=actor, source=SOURCE, **change["after"]))
    edit.applied_at = clock.now()
    details = {"export_id": edit.export_id, "sha256": edit.sha256, **edit.counts}
    audit.append_event(
        session,
        kind=Kind.GRADES_IMPORTED,
        subject=edit.id,
        actor=actor,
        details=details,
        organisation_id=edit.organisation_id,
    )
    return edit


def _compare_rows(
    session: Session, export: Export, rows: Sequence[EditedRow]
) -> tuple[list[dict[str, Any]], list[EditProblem], int]:
    """Returns the changes, the problems and the number of rows that change nothing."""
    assert export.manifest
    exported = ExportedAt(export.cohort_id, datetime.fromisoformat(export.manifest["snapshot_at"]))
    current = _read_current(session, [row.read_text("grading_id") for row in rows])
    changes, problems, unchanged = [], [], 0
    seen: dict[str, int] = {}
    for row in rows:
        grading_id = row.read_text("grading_id")
        if problem := _find_unusable_id(row, grading_id, current, seen, export.cohort_id):
            problems.append(problem)
            continue
        seen[grading_id] = row.row
        change, found = compare_row(row, current[grading_id], exported)
        changes += [change] if change else []
        problems += found
        unchanged += not change and not found
    return changes, problems, unchanged


def _find_unusable_id(
    row: EditedRow, grading_id: str, current: Mapping[str, Current], seen: Mapping[str, int], cohort_id: str | None
) -> EditProblem | None:
    if not grading_id:
        return EditProblem(row.row, "no_id")
    if grading_id not in current or cohort_id not in (None, current[grading_id].stored.cohort_id):
        return EditProblem(row.row, "unknown_id", row.fields["grading_id"].heading, grading_id)
    if grading_id in seen:
        return EditProblem(row.row, "duplicate", row.fields["grading_id"].heading, str(seen[grading_id]))
    return None


def _read_current(session: Session, grading_ids: Sequence[str]) -> dict[str, Current]:
    repository = AnswerRepository(session, cohort_id=None, outcome=OUTCOME)
    ids = [grading_id for grading_id in dict.fromkeys(grading_ids) if grading_id]
    found: dict[str, sa.Row[Any]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        found |= repository.fetch(ids[start : start + _AT_ONCE])
    rubrics = repository.rubric_documents(sorted({row.rubric_version_id for row in found.values()}))
    levels = {version_id: _count_levels(document) for version_id, document in rubrics.items()}
    return {grading_id: Current(row, levels[row.rubric_version_id]) for grading_id, row in found.items()}


def _count_levels(rubric: Mapping[str, Any]) -> dict[str, int]:
    # Only ordinal criteria list their levels; all others have two.
    return {criterion["id"]: len(criterion.get("levels") or (0, 1)) for criterion in rubric["criteria"]}


def _require_unchanged(session: Session, edit: GradeEdit) -> None:
    """Raises WrongState if a grading got a report or a review since the comparison."""
    current = _read_current(session, [change["grading_id"] for change in edit.changes])
    stale = [
        change["row"]
        for change in edit.changes
        if (now := current.get(change["grading_id"])) is None
        or now.stored.review_id != change["review_id"]
        or now.stored.graded_at is None
        or now.stored.graded_at > edit.created_at
    ]
    if stale:
        shown = ", ".join(map(str, stale[:5]))
        raise WrongState(
            f"The grades of {len(stale)} rows have changed since they were compared (row {shown}): send the file again "
            "and look at what would change now."
        )


def _lock_gradings(
    session: Session, changes: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], Grading]]:
    for start in range(0, len(changes), _AT_ONCE):
        some = {change["grading_id"]: change for change in changes[start : start + _AT_ONCE]}
        query = sa.select(Grading).where(Grading.id.in_(some)).order_by(Grading.id).with_for_update(of=Grading)
        gradings = {grading.id: grading for grading in session.scalars(query).unique()}
        yield from ((change, gradings[grading_id]) for grading_id, change in some.items())
