"""The sweep: requeues what lost workers held, finds notifications that were lost, and forgets old keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..cohorts.gradings import close_if_ended
from ..events.log import EventKind
from ..events.retention import delete_old_events
from ..storage import clock
from ..storage.locks import try_sweeper_lock
from ..storage.repositories import GradingRepository, IdempotencyRepository, OutboxRepository, RubricTestRepository
from ..storage.tables import Grading, State
from .erasure import erase_older
from .lifecycle import append_grading_event

# After this long, a notification is assumed to be lost.
UNPUBLISHED_SECONDS = 2.0


@dataclass(frozen=True)
class Swept:
    """The ids of gradings that a sweep requeued, set to dead, or for which a notification was lost.

    `forgotten` is the number of idempotency keys that it deleted.
    """

    requeued: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()
    forgotten: int = 0


def sweep(
    session: Session,
    *,
    max_attempts: int,
    gone: Sequence[str] = (),
    key_days: float | None = None,
    event_days: float | None = None,
    answer_days: float | None = None,
    limit: int = 200,
) -> Swept:
    """Takes gradings from lost workers, and finds submissions whose notification was lost.

    A worker is lost when its lease has expired, or when it is in `gone`, the workers whose process has ended. Its
    gradings are requeued, or `dead` once they have lost `max_attempts` workers. Only one sweep runs at a time; a
    concurrent one does nothing. Idempotency keys older than `key_days`, events older than `event_days` and answers
    older than `answer_days` are deleted. `limit` bounds each of these in one sweep.
    """
    if not try_sweeper_lock(session):
        return Swept()
    moment = clock.now()
    requeued: list[str] = []
    cohort_ids: list[str | None] = []
    dead: list[str] = []
    for grading in GradingRepository(session).find_stalled(moment, gone=gone, limit=limit):
        if grading.attempt >= max_attempts:
            _set_dead(session, grading, moment)
            dead.append(grading.id)
        else:
            _requeue_stalled(grading, moment)
            requeued.append(grading.id)
            cohort_ids.append(grading.cohort_id)
    close_if_ended(session, cohort_ids, requeued)
    outbox = OutboxRepository(session)
    late = outbox.find_unpublished(moment - timedelta(seconds=UNPUBLISHED_SECONDS), limit=limit)
    unpublished = [message.grading_id for message in late]
    # The sweeping worker looks into the queue next, which serves as the notification.
    outbox.mark_published(unpublished)
    session.flush()
    RubricTestRepository(session).delete_expired(moment)
    forgotten = 0
    if key_days is not None:
        forgotten = IdempotencyRepository(session).delete_older(moment - timedelta(days=key_days), limit=limit)
    if event_days is not None:
        delete_old_events(session, days=event_days, limit=limit)
    if answer_days is not None:
        erase_older(session, moment - timedelta(days=answer_days), limit=limit)
    return Swept(tuple(requeued), tuple(dead), tuple(unpublished), forgotten)


def _set_dead(session: Session, grading: Grading, moment: datetime) -> None:
    grading.state = State.DEAD
    grading.reason = "crashed"
    grading.detail = f"its worker ended before a result was written, {grading.attempt} times"
    grading.lease_owner = grading.lease_until = grading.provisional = None
    grading.updated_at = moment
    append_grading_event(session, grading, EventKind.GRADING_DEAD, reason=grading.reason)
    audit.append_event(
        session,
        kind=Kind.GRADING_DEAD,
        subject=grading.id,
        details={"attempts": grading.attempt},
        organisation_id=grading.organisation_id,
    )


def _requeue_stalled(grading: Grading, moment: datetime) -> None:
    # The attempt stays counted: this answer may be what crashed the worker.
    grading.state = State.QUEUED
    grading.lease_owner = grading.lease_until = grading.provisional = None
    grading.reason, grading.detail = "worker_lost", "its worker ended before a result was written"
    grading.updated_at = moment
