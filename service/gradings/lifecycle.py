"""The states of a grading, and every change from one to another.

    queued → running → graded | needs_review
    running → queued     requeued: the judge is unavailable, the worker stops or was lost, or the judge gave no verdict
                         on this answer although it answers others
    running → failed     the judge cannot judge this answer, or gave no verdict too often; the reason is kept
    running → dead       its workers were lost too often

    queued, running → cancelled  by the caller; the result of a worker that still runs is refused
    failed, dead, cancelled → queued  by a person
    graded, needs_review, failed → queued  to be graded again: a person asks for it (regrading.py), or after an edit of
                         its rubric (own_rubrics/edits.py)

Each function works inside the caller's transaction. Submission is in submission.py, the sweep for lost workers in
sweeping.py, the lease itself in leases.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders import Report as GradersReport

from .. import audit
from ..audit import Kind
from ..cohorts.gradings import close_if_ended
from ..errors import GradingFinished, GradingNotFound
from ..events.log import EventKind, append_event
from ..storage import clock
from ..storage.repositories import GradingRepository, OpenGrading, OutboxRepository
from ..storage.tables import DEFAULT_ORGANISATION, Grading, Report, State, build_earlier_report
from .leases import Batch, Lease, build_batch, build_lost_lease, finish_leased, requeue_leased, update_leased

# The delay of the first retry; it doubles with each further one.
FIRST_RETRY_SECONDS = 3.0
MAX_JUDGE_ATTEMPTS = 5
INTERACTIVE, RETRIED, BATCH = 10, 5, 0
"""Priorities of a grading: a caller waits for it, a person requeued one of a cohort, or it belongs to a batch."""


def get(
    session: Session, grading_id: str, *, organisation_id: str = DEFAULT_ORGANISATION, lock: bool = False
) -> Grading:
    """Returns a grading of the organisation; `lock` holds it until the transaction ends.

    Raises GradingNotFound if it has none with this id.
    """
    grading = GradingRepository(session).by_id(grading_id, organisation_id=organisation_id, lock=lock)
    if grading is None:
        # The id comes from a URL and may be of any length.
        raise GradingNotFound(f"There is no grading '{grading_id[:64]}': check the id that POST returned.")
    return grading


def find_open(session: Session, grading_ids: Sequence[str]) -> Sequence[OpenGrading]:
    """Returns those of the gradings that are queued or running, with the workers that hold them."""
    return GradingRepository(session).open_among(grading_ids)


def claim(session: Session, *, owner: str, limit: int, lease_seconds: float) -> Batch | None:
    """Leases the next queued gradings of one rubric version to a worker; returns None if none is due."""
    repository = GradingRepository(session)
    moment = clock.now()
    first = repository.next_waiting(moment)
    if first is None:
        return None
    gradings = repository.waiting_like(first, now=moment, limit=limit)
    for grading in gradings:
        grading.state = State.RUNNING
        grading.attempt += 1
        grading.fencing_token += 1
        grading.lease_owner = owner
        grading.lease_until = moment + timedelta(seconds=lease_seconds)
        grading.updated_at = moment
    # A claimed grading needs no notification any more.
    OutboxRepository(session).mark_published([grading.id for grading in gradings])
    session.flush()
    return build_batch(gradings)


def held_by(session: Session, owner: str) -> Batch | None:
    """Returns what is leased to a worker, or None.

    A worker that should hold nothing does so when its claim was committed but the reply was lost.
    """
    gradings = GradingRepository(session).held_by(owner)
    return build_batch(gradings) if gradings else None


def renew(session: Session, leases: Sequence[Lease], *, lease_seconds: float) -> None:
    """Extends leases to `lease_seconds` from now. A lease that is already lost stays lost."""
    until = clock.now() + timedelta(seconds=lease_seconds)
    for lease in leases:
        session.execute(update_leased(lease).values(lease_until=until))


def record(session: Session, lease: Lease, report: GradersReport) -> State:
    """Stores a report and finishes its grading; returns the new state. Repeating it changes nothing.

    Raises LostLease if another worker holds the grading by now, or a caller has cancelled it.
    """
    state = state_of(report)
    reason = report.unscored_reason.value if report.unscored_reason else None
    if not finish_leased(session, lease, state=state, reason=reason, detail=report.unscored_detail):
        if _is_written(session, lease):
            return state
        raise build_lost_lease(lease)
    document = report.to_dict()
    session.add(
        Report(
            grading_id=lease.grading_id,
            organisation_id=lease.organisation_id,
            score=report.score,
            document=document,
            created_at=clock.now(),
        )
    )
    _append_event(session, lease, state, reason=reason)
    audit.append_event(
        session,
        kind=Kind.GRADING_FAILED if state is State.FAILED else Kind.REPORT_WRITTEN,
        subject=lease.grading_id,
        details=audit.report_details(document, state=state.value, **({"reason": reason} if reason else {})),
        organisation_id=lease.organisation_id,
    )
    return state


def fail(session: Session, lease: Lease, failure: JudgeFailure) -> State:
    """Finishes a grading as `failed` without a report; returns the new state. Repeating it changes nothing.

    Raises LostLease as `record` does.
    """
    if not finish_leased(session, lease, state=State.FAILED, reason=failure.reason.value, detail=failure.detail):
        grading = _get_leased(session, lease)
        if (grading.fencing_token, grading.state) == (lease.fencing_token, State.FAILED):
            return State.FAILED
        raise build_lost_lease(lease)
    _append_event(session, lease, State.FAILED, reason=failure.reason.value)
    audit.append_event(
        session,
        kind=Kind.GRADING_FAILED,
        subject=lease.grading_id,
        details={"reason": failure.reason.value},
        organisation_id=lease.organisation_id,
    )
    return State.FAILED


def state_of(report: GradersReport) -> State:
    """Returns the state of a grading with this report: `graded`, `needs_review` or `failed`."""
    if report.score is None:
        assert report.unscored_reason
        # A person can see whether the answer supports the verdict.
        unsupported = report.unscored_reason is UnscoredReason.UNSUPPORTED_EVIDENCE
        return State.NEEDS_REVIEW if unsupported else State.FAILED
    return State.NEEDS_REVIEW if report.needs_review else State.GRADED


def _is_written(session: Session, lease: Lease) -> bool:
    """Returns whether this lease has finished its grading already: committed, but the reply was lost."""
    grading = _get_leased(session, lease)
    return grading.fencing_token == lease.fencing_token and grading.report is not None and not grading.is_open


def _get_leased(session: Session, lease: Lease) -> Grading:
    """Returns the grading of a lease. Raises LostLease if it was erased."""
    grading = session.get(Grading, lease.grading_id)
    if grading is None:
        raise build_lost_lease(lease)
    return grading


def retry_later(session: Session, lease: Lease, report: GradersReport) -> State:
    """Requeues an answer on which the judge gave no verdict although it answers others; returns the new state.

    The delay doubles each time, from 3 seconds, and the answer is then judged alone. Attempt `MAX_JUDGE_ATTEMPTS`
    fails with the reason in the report. Raises LostLease as `record` does.
    """
    grading = _get_leased(session, lease)
    if grading.judge_attempts + 1 >= MAX_JUDGE_ATTEMPTS:
        return record(session, lease, report)
    is_requeued = requeue_leased(
        session,
        lease,
        FIRST_RETRY_SECONDS * 2**grading.judge_attempts,
        judge_attempts=Grading.judge_attempts + 1,
        reason=report.unscored_reason.value if report.unscored_reason else None,
        detail=report.unscored_detail,
    )
    if not is_requeued:
        raise build_lost_lease(lease)
    close_if_ended(session, [lease.cohort_id], [lease.grading_id])
    return State.QUEUED


def release(
    session: Session,
    leases: Sequence[Lease],
    *,
    reason: UnscoredReason | None = None,
    detail: str | None = None,
    delay_seconds: float = 0.0,
    provisional: Mapping[str, Any] | None = None,
) -> None:
    """Requeues gradings because the judge is unavailable or the worker stops; lost leases are skipped.

    The attempt does not count, as the answer did not cause it. Until the grading is claimed again, callers see
    `provisional`, the range of the score.
    """
    for lease in leases:
        requeue_leased(
            session,
            lease,
            delay_seconds,
            reason=reason.value if reason else None,
            detail=detail,
            provisional=dict(provisional) if provisional else None,
        )
    close_if_ended(session, [lease.cohort_id for lease in leases], [lease.grading_id for lease in leases])


def cancel(session: Session, grading: Grading, *, actor: str | None = None, reason: str | None = None) -> None:
    """Cancels an open grading; a worker that holds it can no longer write. Cancelling twice changes nothing.

    `actor` is who asks for it, by default the user of this process. Raises GradingFinished if the grading has
    ended otherwise.
    """
    if grading.state == State.CANCELLED:
        return
    if not grading.is_open:
        raise GradingFinished(f"The grading is {grading.state} already: there is nothing left to cancel.")
    grading.state = State.CANCELLED
    grading.reason = reason or grading.reason
    # A new token ends the lease of a worker that still runs.
    grading.fencing_token += 1
    grading.lease_owner = grading.lease_until = grading.not_before = grading.provisional = None
    grading.updated_at = clock.now()
    OutboxRepository(session).mark_published([grading.id])
    _audit_grading(session, grading, Kind.GRADING_CANCELLED, actor=actor)
    append_grading_event(session, grading, EventKind.GRADING_CANCELLED, reason=reason)
    session.flush()


def requeue(session: Session, grading: Grading, *, actor: str | None = None) -> None:
    """Requeues a grading that is `failed`, `dead` or `cancelled`; any other is left unchanged."""
    if grading.state in {State.FAILED, State.DEAD, State.CANCELLED}:
        regrade(session, grading, actor=actor)


def regrade(session: Session, grading: Grading, *, actor: str | None = None) -> None:
    """Requeues a finished grading in any state; its report becomes an earlier one. An open one is left unchanged."""
    if grading.is_open:
        return
    moment = clock.now()
    _audit_grading(session, grading, Kind.GRADING_REQUEUED, actor=actor, was=State(grading.state).value)
    append_grading_event(session, grading, EventKind.GRADING_REQUEUED)
    if grading.report:
        session.add(build_earlier_report(grading, moment))
        session.delete(grading.report)
        grading.report = None
    grading.state = State.QUEUED
    if grading.cohort_id:
        # Graded even if its cohort has ended.
        grading.priority = RETRIED
    grading.attempt = grading.judge_attempts = 0
    grading.reason = grading.detail = grading.not_before = None
    grading.updated_at = moment
    session.flush()


def _audit_grading(session: Session, grading: Grading, kind: Kind, *, actor: str | None, **details: Any) -> None:
    audit.append_event(
        session,
        kind=kind,
        subject=grading.id,
        details=details,
        actor=actor,
        organisation_id=grading.organisation_id,
    )


def append_grading_event(session: Session, grading: Grading, kind: EventKind, *, reason: str | None = None) -> None:
    """Adds an event about a grading to the log of its organisation."""
    append_event(
        session,
        kind,
        subject_id=grading.id,
        organisation_id=grading.organisation_id,
        cohort_id=grading.cohort_id,
        data={"grading_id": grading.id, "cohort_id": grading.cohort_id, "reason": reason},
    )


def _append_event(session: Session, lease: Lease, state: State, *, reason: str | None) -> None:
    append_event(
        session,
        EventKind(f"grading.{state.value}"),
        subject_id=lease.grading_id,
        organisation_id=lease.organisation_id,
        cohort_id=lease.cohort_id,
        data={"grading_id": lease.grading_id, "cohort_id": lease.cohort_id, "reason": reason},
    )
