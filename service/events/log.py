"""The event log of an organisation: changes in the order of their commits, numbered without gaps.

Server-sent events, webhooks, long polls and the results of a cohort are all read from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from ..storage import clock
from ..storage.logs import Row, add_row
from ..storage.repositories import CohortResultRepository, EventRepository


class EventKind(StrEnum):
    """The kinds of events."""

    GRADING_GRADED = "grading.graded"
    GRADING_NEEDS_REVIEW = "grading.needs_review"
    GRADING_FAILED = "grading.failed"
    GRADING_DEAD = "grading.dead"
    GRADING_CANCELLED = "grading.cancelled"
    GRADING_REQUEUED = "grading.requeued"
    GRADING_REVIEWED = "grading.reviewed"
    GRADING_ERASED = "grading.erased"
    COHORT_DRAFT = "cohort.draft"
    COHORT_VALIDATED = "cohort.validated"
    COHORT_RUNNING = "cohort.running"
    COHORT_PAUSED = "cohort.paused"
    COHORT_FINISHED = "cohort.finished"
    COHORT_CANCELLED = "cohort.cancelled"
    COHORT_EXPIRED = "cohort.expired"
    COHORT_BUDGET_STOPPED = "cohort.budget_stopped"
    EXPORT_FINISHED = "export.finished"
    EXPORT_FAILED = "export.failed"
    ANALYSIS_FINISHED = "analysis.finished"
    ANALYSIS_FAILED = "analysis.failed"
    RUBRIC_FROZEN = "rubric.frozen"
    RUBRIC_RETIRED = "rubric.retired"
    WEBHOOK_DISABLED = "webhook.disabled"
    PING = "ping"


RESULT_KINDS = frozenset(
    {
        EventKind.GRADING_GRADED,
        EventKind.GRADING_NEEDS_REVIEW,
        EventKind.GRADING_FAILED,
        EventKind.GRADING_DEAD,
        EventKind.GRADING_CANCELLED,
        EventKind.GRADING_REVIEWED,
    }
)
"""The events that give a grading a result, or another one."""


def append_event(
    session: Session,
    kind: EventKind,
    *,
    subject_id: str,
    organisation_id: str,
    cohort_id: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Adds an event that is written when the transaction commits. `data` must have ids and states only."""
    row = {
        "organisation_id": organisation_id,
        "at": clock.now(),
        "kind": kind.value,
        "subject_id": subject_id,
        "cohort_id": cohort_id,
        "data": dict(data or {}),
    }
    add_row(session, _write_events, row)


def _write_events(session: Session, organisation_id: str, rows: Sequence[Row]) -> None:
    repository = EventRepository(session)
    first = repository.last_sequence(organisation_id) + 1
    numbered = [{**row, "sequence": number} for number, row in enumerate(rows, start=first)]
    repository.add_events(numbered)
    _place_results(session, [row for row in numbered if row["cohort_id"] and row["kind"].startswith("grading.")])


def _place_results(session: Session, rows: Sequence[Row]) -> None:
    """Moves results of cohorts to the place of the newest event about them; those that are graded anew lose theirs."""
    if not rows:
        return
    newest = {row["subject_id"]: row for row in rows}
    results = CohortResultRepository(session)
    results.delete(list(newest))
    columns = ("organisation_id", "cohort_id", "sequence")
    placed = [
        {"grading_id": grading_id, **{name: row[name] for name in columns}}
        for grading_id, row in newest.items()
        if row["kind"] in RESULT_KINDS
    ]
    if placed:
        results.add(placed)
