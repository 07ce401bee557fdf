"""An answer's life, all of it: submit, claim, renew, record, release, sweep, cancel, requeue.

    queued → running → graded | needs_review
    running → queued     released: the judge was out of reach, or the worker stopped; or swept up: it was lost;
                         or postponed: the judge answered others, but not this one
    running → failed     the judge cannot judge this answer, or never answered; the reason is kept
    running → dead       its workers were lost as often as allowed

    queued, running → cancelled  by the caller; a worker's late result is refused
    failed, dead, cancelled → queued  put back in line by a person
    graded, needs_review, failed → queued  graded again, because its rubric was edited (revision.py)

Each function works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders import Report as GradersReport
from vivavoce.graders import UnscoredReason

from . import audit
from .audit import Kind
from .errors import GradingFinished, GradingNotFound, LostLease
from .storage import clock
from .storage.repositories import (
    GradingRepository,
    OutboxRepository,
    try_sweeper_lock,
)
from .storage.tables import (
    DEFAULT_ORGANISATION,
    Grading,
    Report,
    State,
)

# A ring that no worker has followed after this long is taken for lost.
UNPUBLISHED_SECONDS = 2.0
# An answer that the judge leaves without a word, though it answers others, is asked again after this
# long, then after twice as long, and so on; when it was asked this often it has failed.
FIRST_RETRY_SECONDS = 3.0
MAX_JUDGE_ATTEMPTS = 5
INTERACTIVE, BATCH = 10, 0
"""Priorities: somebody waits for the answer, or a whole cohort is graded."""


@dataclass(frozen=True)
class Lease:
    """The right to write one grading's result, for as long as `fencing_token` is its newest."""

    grading_id: str
    organisation_id: str
    fencing_token: int
    answer: str
    feedback_language: str | None
    created_at: datetime
    request_id: str | None
    trace_parent: str | None


@dataclass(frozen=True)
class Batch:
    """Gradings that a worker holds: all of one rubric version."""

    rubric_document: dict[str, Any]
    leases: tuple[Lease, ...]


def get(session: Session, grading_id: str, *, organisation_id: str = DEFAULT_ORGANISATION) -> Grading:
    """A grading; raises GradingNotFound."""
    grading = GradingRepository(session).by_id(grading_id, organisation_id=organisation_id)
    if grading is None:
        raise GradingNotFound(f"There is no grading '{grading_id[:64]}': check the id that POST returned.")
    return grading


def claim(session: Session, *, owner: str, limit: int, lease_seconds: float) -> Batch | None:
    """Lease the next gradings in line to a worker, all of one rubric version, or None when nothing waits."""
    repository = GradingRepository(session)
    moment = clock.now()
    first = repository.next_waiting(moment)
    if first is None:
        return None
    held = repository.waiting_like(first, now=moment, limit=limit)
    for grading in held:
        grading.state = State.RUNNING
        grading.attempt += 1
        grading.fencing_token += 1
        grading.lease_owner = owner
        grading.lease_until = moment + timedelta(seconds=lease_seconds)
        grading.updated_at = moment
    OutboxRepository(session).mark_published([grading.id for grading in held])
    session.flush()
    return _batch(held)


def held_by(session: Session, owner: str) -> Batch | None:
    """What a worker that has nothing in hand holds all the same: its claim succeeded, but it never heard so."""
    held = GradingRepository(session).held_by(owner)
    return _batch(held) if held else None


def _batch(held: Sequence[Grading]) -> Batch:
    leases = tuple(
        Lease(
            grading_id=grading.id,
            organisation_id=grading.organisation_id,
            fencing_token=grading.fencing_token,
            answer=grading.submission.answer,
            feedback_language=grading.submission.feedback_language,
            created_at=grading.created_at,
            request_id=grading.request_id,
            trace_parent=grading.trace_parent,
        )
        for grading in held
    )
    return Batch(rubric_document=held[0].rubric_version.document, leases=leases)


@dataclass(frozen=True)
class Swept:
    """What a sweep found: gradings put back in line, gradings set aside as dead, and answers nobody heard of."""

    requeued: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()


def sweep(session: Session, *, max_attempts: int, gone: Sequence[str] = (), limit: int = 200) -> Swept:
    """Pick up what lost workers held, and find submissions whose ring was lost.

    A worker is lost when its lease ran out, or when it is among those known to be `gone`.
    One sweeper works at a time; another finds nothing to do. A grading whose worker was lost
    `max_attempts` times is set aside as `dead`.
    """
    if not try_sweeper_lock(session):
        return Swept()
    moment = clock.now()
    requeued, dead = [], []
    for grading in GradingRepository(session).find_stalled(moment, gone=gone, limit=limit):
        if grading.attempt >= max_attempts:
            _set_aside(grading, moment)
            _tell(session, grading, Kind.GRADING_DEAD, attempts=grading.attempt)
            dead.append(grading.id)
            continue
        grading.state = State.QUEUED
        grading.lease_owner = grading.lease_until = None
        grading.reason, grading.detail = "worker_lost", "its worker ended before a result was written"
        grading.updated_at = moment
        requeued.append(grading.id)
    outbox = OutboxRepository(session)
    unpublished = [
        m.grading_id for m in outbox.find_unpublished(moment - timedelta(seconds=UNPUBLISHED_SECONDS), limit=limit)
    ]
    outbox.mark_published(unpublished)
    session.flush()
    return Swept(tuple(requeued), tuple(dead), tuple(unpublished))


def cancel(session: Session, grading: Grading) -> None:
    """Take a grading out of the line; a worker that holds it cannot write its result any more.

    Raises GradingFinished when there is nothing left to cancel.
    """
    if grading.state == State.CANCELLED:
        return
    if not grading.is_open:
        raise GradingFinished(f"The grading is {grading.state} already: there is nothing left to cancel.")
    grading.state = State.CANCELLED
    grading.fencing_token += 1
    grading.lease_owner = grading.lease_until = grading.not_before = grading.provisional = None
    grading.updated_at = clock.now()
    OutboxRepository(session).mark_published([grading.id])
    _tell(session, grading, Kind.GRADING_CANCELLED)
    session.flush()


def record(session: Session, lease: Lease, report: GradersReport) -> State:
    """Keep a report and finish its grading; raises LostLease when another worker holds it now.

    A report without a score finishes nothing as graded: the grading fails with its reason, or goes to a
    person when the judge could not show its evidence. Doing it once more changes nothing.
    """
    state = state_of(report)
    reason = report.unscored_reason.value if report.unscored_reason else None
    if not _finish(session, lease, state=state, reason=reason, detail=report.unscored_detail):
        if _is_written(session, lease):
            return state
        raise LostLease(f"grading {lease.grading_id}: fence {lease.fencing_token} is not the newest")
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
    audit.append(
        session,
        kind=Kind.GRADING_FAILED if state is State.FAILED else Kind.REPORT_WRITTEN,
        subject=lease.grading_id,
        details=audit.report_details(document, state=state.value, **({"reason": reason} if reason else {})),
        organisation_id=lease.organisation_id,
    )
    return state


def state_of(report: GradersReport) -> State:
    """Where a grading with this report stands."""
    if report.score is None:
        assert report.unscored_reason
        # Whether an answer says what the judge could not quote from it is for a person to see.
        unsupported = report.unscored_reason is UnscoredReason.UNSUPPORTED_EVIDENCE
        return State.NEEDS_REVIEW if unsupported else State.FAILED
    return State.NEEDS_REVIEW if report.needs_review else State.GRADED


def retry_later(session: Session, lease: Lease, report: GradersReport) -> State:
    """Put an answer back that the judge gave no verdict on although it answers others.

    It waits longer each time and is then asked alone; after `MAX_JUDGE_ATTEMPTS` times it has failed with the
    reason in the report. Raises LostLease when another worker holds it now.
    """
    grading = session.get_one(Grading, lease.grading_id)
    if grading.judge_attempts + 1 >= MAX_JUDGE_ATTEMPTS:
        return record(session, lease, report)
    _release(
        session,
        lease,
        FIRST_RETRY_SECONDS * 2**grading.judge_attempts,
        judge_attempts=Grading.judge_attempts + 1,
        reason=report.unscored_reason.value if report.unscored_reason else None,
        detail=report.unscored_detail,
    )
    return State.QUEUED


def renew(session: Session, leases: Sequence[Lease], *, lease_seconds: float) -> None:
    """Hold leases for longer, because their worker is alive; one that is lost already stays lost."""
    until = clock.now() + timedelta(seconds=lease_seconds)
    for lease in leases:
        session.execute(_held(lease).values(lease_until=until))


def requeue(session: Session, grading: Grading) -> None:
    """Grade again what failed, was set aside or cancelled; anything else is left as it is."""
    if grading.state in {State.FAILED, State.DEAD, State.CANCELLED}:
        regrade(session, grading)


def regrade(session: Session, grading: Grading) -> None:
    """Put a grading that is finished, whatever came of it, back in line; its report goes."""
    if grading.is_open:
        return
    _tell(session, grading, Kind.GRADING_REQUEUED, was=State(grading.state).value)
    if grading.report:
        session.delete(grading.report)
        grading.report = None
    grading.state = State.QUEUED
    grading.attempt = grading.judge_attempts = 0
    grading.reason = grading.detail = grading.not_before = None
    grading.updated_at = clock.now()
    session.flush()


def release(
    session: Session,
    leases: Sequence[Lease],
    *,
    reason: UnscoredReason | None = None,
    detail: str | None = None,
    delay_seconds: float = 0.0,
    provisional: Mapping[str, Any] | None = None,
) -> None:
    """Put gradings back in line, because the judge is out of reach or the worker stops.

    This is no fault of the answer's, so it does not use up an attempt. A lease that is lost already
    is left alone. `provisional` is what callers are told of the score until then.
    """
    for lease in leases:
        _release(
            session,
            lease,
            delay_seconds,
            reason=reason.value if reason else None,
            detail=detail,
            provisional=dict(provisional) if provisional else None,
        )


def _release(session: Session, lease: Lease, delay_seconds: float, **values: Any) -> None:
    moment = clock.now()
    session.execute(
        _held(lease).values(
            state=State.QUEUED,
            attempt=Grading.attempt - 1,
            lease_owner=None,
            lease_until=None,
            not_before=moment + timedelta(seconds=delay_seconds) if delay_seconds else None,
            updated_at=moment,
            **values,
        )
    )


def _is_written(session: Session, lease: Lease) -> bool:
    """Whether this lease finished its grading already: the commit succeeded, but nobody heard so."""
    grading = session.get_one(Grading, lease.grading_id)
    return grading.fencing_token == lease.fencing_token and grading.report is not None and not grading.is_open


def _finish(session: Session, lease: Lease, *, state: State, reason: str | None, detail: str | None) -> bool:
    written = session.execute(
        _held(lease).values(
            state=state,
            reason=reason,
            detail=detail,
            provisional=None,
            lease_owner=None,
            lease_until=None,
            not_before=None,
            updated_at=clock.now(),
        )
    )
    return bool(written.rowcount == 1)  # type: ignore[attr-defined]


def _held(lease: Lease) -> sa.Update:
    """An update of a grading that reaches it only while the lease holds; objects in the session do not follow."""
    return (
        sa.update(Grading)
        .where(
            Grading.id == lease.grading_id,
            Grading.fencing_token == lease.fencing_token,
            Grading.state == State.RUNNING,
        )
        .execution_options(synchronize_session=False)
    )


def _tell(session: Session, grading: Grading, kind: Kind, **details: Any) -> None:
    audit.append(session, kind=kind, subject=grading.id, details=details, organisation_id=grading.organisation_id)


def _set_aside(grading: Grading, moment: datetime) -> None:
    grading.state = State.DEAD
    grading.reason = "crashed"
    grading.detail = f"its worker ended before a result was written, {grading.attempt} times"
    grading.lease_owner = None
    grading.lease_until = None
    grading.updated_at = moment
