"""The one function that turns waiting gradings into reports; every kind of worker calls it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vivavoce.graders import AnswerInput, Panel, Report, UnscoredReason, grade
from vivavoce.rubrics import Language, Rubric
from vivavoce.service import lifecycle
from vivavoce.service.errors import LostLease
from vivavoce.service.lifecycle import Batch, Lease
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

# How long gradings wait before the judge is asked again after it was out of reach.
RETRY_SECONDS = 3.0
SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drained:
    """What one call did: gradings finished, and gradings put back because the judge was out of reach."""

    finished: int = 0
    released: int = 0
    released_reason: str | None = None


def drain(
    sessions: SessionFactory,
    panel: Panel,
    settings: Settings,
    *,
    owner: str,
    stopping: Callable[[], bool] = lambda: False,
    on_finished: Callable[[str], None] = lambda grading_id: None,
) -> Drained:
    """Grade what waits, a batch of one question at a time, until nothing is due.

    Ends early when `stopping` says so or when the judge is out of reach. `on_finished` hears the id
    of every grading whose result was written. `owner` names whoever calls, and nobody else.
    """
    finished = 0
    sweep_at = 0.0
    while not stopping():
        if time.monotonic() >= sweep_at:
            sweep_up(sessions, settings)
            sweep_at = time.monotonic() + SWEEP_SECONDS
        batch = _claim(sessions, settings, owner=owner)
        if batch is None:
            break
        done = _grade_batch(sessions, panel, batch, on_finished, lease_seconds=settings.lease_seconds)
        finished += done.finished
        if done.released:
            return Drained(finished, done.released, done.released_reason)
    return Drained(finished)


def sweep_up(sessions: SessionFactory, settings: Settings) -> lifecycle.Swept:
    """Pick up what lost workers held; says what it found in the log."""
    swept = sessions.run(lambda session: lifecycle.sweep(session, max_attempts=settings.max_attempts))
    if swept.requeued:
        _log.warning("%d gradings of lost workers are back in line: %s", len(swept.requeued), swept.requeued)
    if swept.dead:
        _log.error("%d gradings are dead, see 'viva queue --state dead': %s", len(swept.dead), swept.dead)
    if swept.unheard:
        _log.info("%d submissions were found whose ring was lost", len(swept.unheard))
    return swept


def _claim(sessions: SessionFactory, settings: Settings, *, owner: str) -> Batch | None:
    tries = itertools.count()

    def claim(session: Session) -> Batch | None:
        # The first try may have leased a batch without our hearing of it.
        held = lifecycle.held_by(session, owner) if next(tries) else None
        return held or lifecycle.claim(
            session, owner=owner, limit=settings.batch_size, lease_seconds=settings.lease_seconds
        )

    return sessions.run(claim)


def _grade_batch(
    sessions: SessionFactory,
    panel: Panel,
    batch: Batch,
    on_finished: Callable[[str], None],
    *,
    lease_seconds: float,
) -> Drained:
    # No transaction is open while the models think.
    try:
        with _heartbeat(sessions, batch, lease_seconds):
            reports = grade(
                [_input(lease) for lease in batch.leases],
                Rubric.model_validate(batch.rubric_document),
                panel,
            )
    except KeyboardInterrupt:
        sessions.run(lambda session: lifecycle.release(session, batch.leases))
        raise
    results = list(zip(batch.leases, reports, strict=True))
    written, lost = sessions.run(lambda session: _write(session, results))
    for error in lost:
        _log.warning("late result refused: %s", error)
    for grading_id in written:
        on_finished(grading_id)
    away = [(lease, report) for lease, report in results if report.judge_away]
    if not away:
        return Drained(len(written))
    first = away[0][1]
    reason = first.unscored_reason or UnscoredReason.INFRASTRUCTURE
    _log.warning("%d gradings wait for the judge: %s", len(away), first.unscored_detail)
    return Drained(len(written), len(away), f"{reason.value}: {first.unscored_detail}")


def _write(session: Session, results: Sequence[tuple[Lease, Report]]) -> tuple[list[str], list[LostLease]]:
    """What becomes of a batch, in one transaction: the gradings that are finished, and the results that came late."""
    written: list[str] = []
    lost: list[LostLease] = []
    for lease, report in results:
        reason, detail = report.unscored_reason, report.unscored_detail
        if report.judge_away:
            lifecycle.release(session, [lease], reason=reason, detail=detail, delay_seconds=RETRY_SECONDS)
            continue
        try:
            keep = lifecycle.postpone if reason and reason.retryable else lifecycle.record
            if not keep(session, lease, report).open:
                written.append(lease.grading_id)
        except LostLease as error:
            lost.append(error)
    return written, lost


@contextmanager
def _heartbeat(sessions: SessionFactory, batch: Batch, lease_seconds: float) -> Iterator[None]:
    """Renew the leases of a batch for as long as the context is open."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(lease_seconds / 3):
            try:
                sessions.run(
                    lambda session: lifecycle.renew(session, batch.leases, lease_seconds=lease_seconds),
                    patience_seconds=lease_seconds / 3,
                )
            except SQLAlchemyError as error:
                _log.warning("leases could not be renewed, trying again: %s", error)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _input(lease: Lease) -> AnswerInput:
    language = lease.feedback_language
    return AnswerInput(raw=lease.answer, feedback_language=cast(Language, language) if language else None)
