"""The gradings of a cohort, made, cancelled and requeued all at once: a few statements for any number of items."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..events.log import EventKind, append_event
from ..storage import clock
from ..storage.repositories import CohortItemRepository
from ..storage.tables import Cohort, CohortItem, CohortState, Grading, State, new_id
from .outcomes import EXPIRED_REASON, NOT_STARTED_REASON

CANCELLED_REASON, BUDGET_REASON = "cohort_cancelled", "budget"
SUPERSEDED_REASON = "superseded"
"""The reason of a grading that was cancelled because its answer was sent again and had changed."""
BATCH_PRIORITY = 0
"""The priority of gradings that wait for their cohort to run."""
_END_REASONS = {
    CohortState.CANCELLED: CANCELLED_REASON,
    CohortState.EXPIRED: EXPIRED_REASON,
    CohortState.BUDGET_STOPPED: BUDGET_REASON,
}


def add_gradings(session: Session, cohort: Cohort) -> int:
    """Queues a grading for each item that has none; returns how many. The cohort must be locked."""
    session.flush()
    moment = clock.now()
    rows = [
        {
            "id": new_id(),
            "organisation_id": cohort.organisation_id,
            "submission_id": item.submission_id,
            "rubric_version_id": item.rubric_version_id,
            "state": State.QUEUED,
            "priority": BATCH_PRIORITY,
            "attempt": 0,
            "judge_attempts": 0,
            "fencing_token": 0,
            "cohort_id": cohort.id,
            "caller_metadata": item.caller_metadata,
            "rubric_source": item.rubric_source,
            "created_at": moment,
            "updated_at": moment,
            "item_id": item.id,
        }
        for item in CohortItemRepository(session).without_grading(cohort.id)
    ]
    if rows:
        links = [{"id": row.pop("item_id"), "grading_id": row["id"]} for row in rows]
        session.execute(sa.insert(Grading), rows)
        session.execute(sa.update(CohortItem), links)
    return len(rows)


def cancel_queued(
    session: Session,
    cohort_id: str,
    *,
    reason: str,
    only: Sequence[str] | None = None,
    batch_only: bool = False,
) -> int:
    """Cancels the queued gradings of a cohort, or `only` those among them; returns how many.

    One that no worker ever began gets the reason `not_started`. With `batch_only`, those that a person requeued stay.
    """
    session.flush()
    chosen = [Grading.cohort_id == cohort_id, Grading.state == State.QUEUED]
    if only is not None:
        chosen.append(Grading.id.in_(only))
    if batch_only:
        chosen.append(Grading.priority == BATCH_PRIORITY)
    cancelled = session.execute(
        sa.update(Grading)
        .where(*chosen)
        .values(
            state=State.CANCELLED,
            reason=sa.case((Grading.fencing_token == 0, NOT_STARTED_REASON), else_=reason),
            detail=None,
            not_before=None,
            provisional=None,
            updated_at=clock.now(),
        )
        .returning(Grading.id, Grading.organisation_id, Grading.reason)
        .execution_options(synchronize_session=False)
    ).all()
    session.expire_all()
    for grading_id, organisation_id, found_reason in cancelled:
        _append_event(session, EventKind.GRADING_CANCELLED, grading_id, organisation_id, cohort_id, found_reason)
    return len(cancelled)


def requeue_cancelled(session: Session, cohort: Cohort) -> int:
    """Queues the cancelled gradings of a cohort again, except those of answers that were replaced; returns how many."""
    session.flush()
    requeued = session.execute(
        sa.update(Grading)
        .where(
            Grading.cohort_id == cohort.id,
            Grading.state == State.CANCELLED,
            Grading.reason.is_distinct_from(SUPERSEDED_REASON),
        )
        .values(
            state=State.QUEUED,
            priority=BATCH_PRIORITY,
            attempt=0,
            judge_attempts=0,
            reason=None,
            detail=None,
            updated_at=clock.now(),
        )
        .returning(Grading.id, Grading.organisation_id)
        .execution_options(synchronize_session=False)
    ).all()
    session.expire_all()
    for grading_id, organisation_id in requeued:
        _append_event(session, EventKind.GRADING_REQUEUED, grading_id, organisation_id, cohort.id, None)
    return len(requeued)


def close_if_ended(session: Session, cohort_ids: Sequence[str | None], grading_ids: Sequence[str]) -> None:
    """Ends gradings that a worker has just requeued if their cohort has ended meanwhile: nobody would claim them.

    The lock makes the end of the cohort and this follow one another, so that one of the two sees the grading.
    """
    for cohort_id in sorted({cohort_id for cohort_id in cohort_ids if cohort_id}):
        cohort = session.get(Cohort, cohort_id, with_for_update={"read": True}, populate_existing=True)
        if cohort is not None and CohortState(cohort.state).ended:
            reason = _END_REASONS.get(CohortState(cohort.state), CANCELLED_REASON)
            cancel_queued(session, cohort_id, reason=reason, only=grading_ids, batch_only=True)


def end_reason_of(state: CohortState) -> str:
    """Returns the reason of gradings that the end of a cohort in this state cancels."""
    return _END_REASONS[state]


def _append_event(
    session: Session, kind: EventKind, grading_id: str, organisation_id: str, cohort_id: str, reason: str | None
) -> None:
    append_event(
        session,
        kind,
        subject_id=grading_id,
        organisation_id=organisation_id,
        cohort_id=cohort_id,
        data={"grading_id": grading_id, "cohort_id": cohort_id, "reason": reason},
    )
