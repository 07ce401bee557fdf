from __future__ import annotations

import pytest

from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle, sweeping
from vivavoce.service.gradings.sweeping import UNPUBLISHED_SECONDS, Swept
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State

from ..samples import FixedClock, claim_batch, claim_one, read_grading, submit_answer, sweep_gone


def test_an_idle_queue_gives_an_empty_sweep(database: SessionFactory) -> None:
    assert sweep_gone(database, "w") == Swept()


def test_a_lease_expires_after_its_last_moment(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    grading_id = submit_answer(database, rubric)
    claim_one(database, lease_seconds=10)
    fixed_clock.advance(10)
    assert sweep_gone(database).requeued == ()
    fixed_clock.advance(0.001)
    assert sweep_gone(database).requeued == (grading_id,)
    grading = read_grading(database, grading_id)
    assert (grading.state, grading.lease_owner, grading.lease_until) == (State.QUEUED, None, None)
    assert (grading.reason, grading.attempt) == ("worker_lost", 1)


def test_only_the_gradings_of_ended_workers_are_taken(database: SessionFactory, rubric: Rubric) -> None:
    first, second = submit_answer(database, rubric), submit_answer(database, rubric)
    claim_one(database, owner="ended")
    claim_one(database, owner="alive")
    assert sweep_gone(database, "ended", "never seen").requeued == (first,)
    assert read_grading(database, second).lease_owner == "alive"


@pytest.mark.parametrize("max_attempts", [1, 2, 3])
def test_the_last_attempt_ends_as_dead(database: SessionFactory, rubric: Rubric, max_attempts: int) -> None:
    grading_id = submit_answer(database, rubric)
    for _ in range(max_attempts - 1):
        claim_one(database)
        assert sweep_gone(database, "w", max_attempts=max_attempts).requeued == (grading_id,)
    claim_one(database)
    assert sweep_gone(database, "w", max_attempts=max_attempts).dead == (grading_id,)
    grading = read_grading(database, grading_id)
    assert (grading.state, grading.reason) == (State.DEAD, "crashed")
    assert grading.detail == f"its worker ended before a result was written, {max_attempts} times"
    assert claim_batch(database) is None


def test_requeueing_gives_all_attempts_back(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(database, rubric)
    claim_one(database)
    sweep_gone(database, "w", max_attempts=1)
    with database.begin() as session:
        lifecycle.requeue(session, lifecycle.get(session, grading_id))
    claim_one(database)
    assert sweep_gone(database, "w", max_attempts=2).requeued == (grading_id,)


def test_a_released_grading_is_not_a_lost_attempt(database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(database, rubric)
    for _ in range(5):
        lease = claim_one(database)
        with database.begin() as session:
            lifecycle.release(session, [lease])
    claim_one(database)
    assert sweep_gone(database, "w", max_attempts=2).dead == ()


def test_a_limit_bounds_a_sweep_and_the_oldest_come_first(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    ids = []
    for _ in range(3):
        ids.append(submit_answer(database, rubric))
        # Answers that came at the same moment are claimed in any order.
        fixed_clock.advance(0.001)
    for seconds in (30, 10, 20):
        claim_one(database, lease_seconds=seconds)
    fixed_clock.advance(60)
    with database.begin() as session:
        swept = sweeping.sweep(session, max_attempts=3, limit=2)
    assert swept.requeued == (ids[1], ids[2])
    assert sweep_gone(database).requeued == (ids[0],)


def test_a_notification_counts_as_lost_after_its_time(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    grading_id = submit_answer(database, rubric)
    fixed_clock.advance(UNPUBLISHED_SECONDS)
    assert sweep_gone(database).unpublished == ()
    fixed_clock.advance(0.001)
    assert sweep_gone(database).unpublished == (grading_id,)
    assert sweep_gone(database).unpublished == ()


@pytest.mark.parametrize("end", ["claim", "cancel"])
def test_a_claim_or_cancellation_needs_no_notification(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock, end: str
) -> None:
    grading_id = submit_answer(database, rubric)
    if end == "claim":
        claim_one(database)
    else:
        with database.begin() as session:
            lifecycle.cancel(session, lifecycle.get(session, grading_id))
    fixed_clock.advance(UNPUBLISHED_SECONDS + 1)
    assert sweep_gone(database).unpublished == ()


def test_keys_are_forgotten_after_their_days(database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock) -> None:
    def sweep() -> int:
        with database.begin() as session:
            return sweeping.sweep(session, max_attempts=3, key_days=7).forgotten

    def submit(grading_id: str) -> str:
        return submit_answer(database, rubric, idempotency_key="k", id=grading_id)

    assert submit("0" * 32) == "0" * 32
    fixed_clock.advance(7 * 24 * 3600)
    assert sweep() == 0
    assert submit("1" * 32) == "0" * 32
    fixed_clock.advance(0.001)
    assert sweep() == 1
    assert submit("1" * 32) == "1" * 32
    assert read_grading(database, "0" * 32).state == State.QUEUED
