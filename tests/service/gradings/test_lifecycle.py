from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from vivavoce.graders import AnswerInput, JudgeFailure, Report, UnscoredReason, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.errors import (
    GradingFinished,
    GradingNotFound,
    IdempotencyInProgress,
    IdempotencyMismatch,
    LostLease,
)
from vivavoce.service.gradings import lifecycle, submission, sweeping
from vivavoce.service.gradings.lifecycle import Batch
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Grading, RubricVersion, State

from ..samples import (
    FixedClock,
    audited_kinds,
    bring_to,
    change_grading,
    claim_batch,
    claim_one,
    make_report,
    read_grading,
    record_report,
    submit_answer,
    sweep_gone,
)


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def _submit(database: SessionFactory, rubric: Rubric, answer: str = "INT8", **more: str | int) -> str:
    with database.begin() as session:
        return submission.submit(session, NewAnswer(rubric=rubric, answer=answer, **more)).grading.id  # type: ignore[arg-type]


def _claim(database: SessionFactory, *, owner: str = "a", limit: int = 10, lease_seconds: float = 60) -> Batch | None:
    with database.begin() as session:
        sweeping.sweep(session, max_attempts=3)
        return lifecycle.claim(session, owner=owner, limit=limit, lease_seconds=lease_seconds)


def _report(rubric: Rubric, *, broken: bool = False) -> Report:
    failure = JudgeFailure(UnscoredReason.PARSE, "no verdict")
    panel = scripted_panel(lambda _, __: failure if broken else 3.0)
    return grade([AnswerInput("INT8 instead of FP16")], rubric, panel)[0]


def _state(database: SessionFactory, grading_id: str) -> State:
    with database() as session:
        return State(lifecycle.get(session, grading_id).state)


def test_a_submitted_answer_waits_in_the_queue(database: SessionFactory, rubric: Rubric) -> None:
    assert _state(database, _submit(database, rubric)) is State.QUEUED


def test_the_same_rubric_is_stored_once(database: SessionFactory, rubric: Rubric) -> None:
    _submit(database, rubric)
    _submit(database, rubric, "another")
    with database() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(RubricVersion)) == 1


def test_the_same_key_and_request_give_the_same_grading(database: SessionFactory, rubric: Rubric) -> None:
    first = _submit(database, rubric, idempotency_key="k")
    assert _submit(database, rubric, idempotency_key="k") == first
    assert _submit(database, rubric, idempotency_key="other") != first


def test_the_same_key_with_another_answer_is_refused(database: SessionFactory, rubric: Rubric) -> None:
    _submit(database, rubric, idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        _submit(database, rubric, "another", idempotency_key="k")


def test_a_claimed_answer_is_not_claimed_again(database: SessionFactory, rubric: Rubric) -> None:
    _submit(database, rubric)
    assert _claim(database)
    assert _claim(database, owner="b") is None


def test_a_batch_holds_one_rubric_and_at_most_its_limit(database: SessionFactory, rubric: Rubric) -> None:
    for number in range(3):
        _submit(database, rubric, f"answer {number}")
    other = rubric.model_copy(update={"notes": "another version"})
    _submit(database, other, "answer to the other")
    sizes = []
    while batch := _claim(database, limit=2):
        sizes.append(len(batch.leases))
        assert len({lease.grading_id for lease in batch.leases}) == len(batch.leases)
    assert sizes == [2, 1, 1]


def test_a_recorded_report_finishes_the_grading(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _submit(database, rubric)
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        lifecycle.record(session, batch.leases[0], _report(rubric))
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert grading.report
        assert grading.report.score == grading.report.document["score"]
        assert grading.lease_owner is None
    assert _state(database, grading_id) in {State.GRADED, State.NEEDS_REVIEW}


def test_a_report_without_a_score_fails_the_grading(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _submit(database, rubric)
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        lifecycle.record(session, batch.leases[0], _report(rubric, broken=True))
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert (grading.state, grading.reason) == (State.FAILED, "parse")
        assert grading.report
        assert grading.report.score is None


def test_a_worker_past_its_lease_cannot_write(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _submit(database, rubric)
    late = _claim(database, lease_seconds=-1)
    taken_over = _claim(database, owner="b")
    assert late
    assert taken_over
    with pytest.raises(LostLease), database.begin() as session:
        lifecycle.record(session, late.leases[0], _report(rubric))
    with database.begin() as session:
        lifecycle.record(session, taken_over.leases[0], _report(rubric))
    with pytest.raises(LostLease), database.begin() as session:
        lifecycle.record(session, late.leases[0], _report(rubric))
    assert not _state(database, grading_id).open


def test_a_renewed_lease_is_not_taken_over(database: SessionFactory, rubric: Rubric) -> None:
    _submit(database, rubric)
    batch = _claim(database, lease_seconds=-1)
    assert batch
    with database.begin() as session:
        lifecycle.renew(session, batch.leases, lease_seconds=60)
    assert _claim(database, owner="b") is None


def test_a_released_answer_waits_and_keeps_its_attempts(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _submit(database, rubric)
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        lifecycle.release(session, batch.leases, reason=UnscoredReason.TIMEOUT, detail="slow", delay_seconds=60)
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert (grading.state, grading.attempt, grading.reason) == (State.QUEUED, 0, "timeout")
        assert grading.not_before
        assert grading.not_before - grading.updated_at == timedelta(seconds=60)
    assert _claim(database) is None


def test_an_answer_that_crashes_workers_ends_dead(database: SessionFactory, rubric: Rubric) -> None:
    poison = _submit(database, rubric, "poison")
    for _ in range(3):
        assert _claim(database, lease_seconds=-1)
    innocent = _submit(database, rubric, "innocent")
    batch = _claim(database)
    assert batch
    assert [lease.grading_id for lease in batch.leases] == [innocent]
    assert _state(database, poison) is State.DEAD


def test_a_grading_of_a_lost_worker_is_claimed_alone(database: SessionFactory, rubric: Rubric) -> None:
    for number in range(3):
        _submit(database, rubric, f"answer {number}")
    lost = _claim(database, lease_seconds=-1)
    assert lost
    assert len(lost.leases) == 3
    sizes = [len(batch.leases) for batch in (_claim(database), _claim(database), _claim(database)) if batch]
    assert sizes == [1, 1, 1]


def test_an_interactive_answer_goes_before_a_batch_that_came_first(database: SessionFactory, rubric: Rubric) -> None:
    _submit(database, rubric, "batch", priority=lifecycle.BATCH)
    urgent = _submit(database, rubric, "interactive")
    batch = _claim(database, limit=1)
    assert batch
    assert batch.leases[0].grading_id == urgent


def test_a_lost_notification_is_found_once(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = _submit(database, rubric, "heard")
    assert _claim(database)
    lost = _submit(database, rubric, "lost")
    later = clock.now() + timedelta(seconds=2 * sweeping.UNPUBLISHED_SECONDS)
    monkeypatch.setattr(clock, "now", lambda: later)
    with database.begin() as session:
        assert sweeping.sweep(session, max_attempts=3).unpublished == (lost,)
    with database.begin() as session:
        assert sweeping.sweep(session, max_attempts=3).unpublished == ()
    assert heard != lost


def test_a_long_stop_kills_no_gradings(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [_submit(database, rubric, f"answer {number}") for number in range(20)]
    assert _claim(database, limit=5)
    later = clock.now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: later)
    with database.begin() as session:
        swept = sweeping.sweep(session, max_attempts=3)
    assert (len(swept.requeued), swept.dead) == (5, ())
    assert {_state(database, grading_id) for grading_id in ids} == {State.QUEUED}


def test_a_cancelled_grading_refuses_the_late_result_of_its_worker(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _submit(database, rubric)
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        lifecycle.cancel(session, session.get_one(Grading, grading_id))
    with pytest.raises(LostLease), database.begin() as session:
        lifecycle.record(session, batch.leases[0], _report(rubric))
    assert _state(database, grading_id) is State.CANCELLED
    assert _claim(database) is None


def test_of_two_sweepers_one_finds_nothing_to_do(postgres_database: SessionFactory, rubric: Rubric) -> None:
    _submit(postgres_database, rubric)
    with postgres_database.begin() as session:
        assert lifecycle.claim(session, owner="a", limit=1, lease_seconds=-1)
    with postgres_database.begin() as first, postgres_database.begin() as second:
        assert sweeping.sweep(first, max_attempts=3).requeued
        assert sweeping.sweep(second, max_attempts=3) == sweeping.Swept()


def test_a_key_that_another_request_holds_is_in_progress(postgres_database: SessionFactory, rubric: Rubric) -> None:
    new = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k")
    with postgres_database.begin() as first:
        submission.submit(first, new)
        with pytest.raises(IdempotencyInProgress), postgres_database.begin() as second:
            submission.submit(second, new)
    with postgres_database.begin() as third:
        submission.submit(third, new)
        assert third.scalar(sa.select(sa.func.count()).select_from(Grading)) == 1


def test_a_failed_grading_can_be_requeued(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _submit(database, rubric)
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        lifecycle.record(session, batch.leases[0], _report(rubric, broken=True))
    with database.begin() as session:
        lifecycle.requeue(session, session.get_one(Grading, grading_id))
    again = _claim(database)
    assert again
    with database.begin() as session:
        lifecycle.record(session, again.leases[0], _report(rubric))
    assert not _state(database, grading_id).open


def test_an_unknown_grading_is_named(database: SessionFactory) -> None:
    with pytest.raises(GradingNotFound, match="'nope'"), database() as session:
        lifecycle.get(session, "nope")


def _unanswered(rubric: Rubric) -> Report:
    slow = JudgeFailure(UnscoredReason.TIMEOUT, "no answer to this one")
    return grade([AnswerInput("INT8")], rubric, scripted_panel(lambda _, __: slow))[0]


def test_an_unanswered_grading_waits_longer_and_then_fails(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "MAX_JUDGE_ATTEMPTS", 3)
    grading_id = _submit(database, rubric)
    delays = []
    for _ in range(2):
        batch = _claim(database)
        assert batch
        with database.begin() as session:
            assert lifecycle.retry_later(session, batch.leases[0], _unanswered(rubric)) is State.QUEUED
        with database.begin() as session:
            grading = lifecycle.get(session, grading_id)
            assert grading.not_before
            assert (grading.attempt, grading.reason) == (0, "timeout")
            delays.append((grading.not_before - grading.updated_at).total_seconds())
            grading.not_before = None
    assert delays == [3, 6]
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        assert lifecycle.retry_later(session, batch.leases[0], _unanswered(rubric)) is State.FAILED
    with database() as session:
        assert lifecycle.get(session, grading_id).reason == "timeout"


def test_an_unanswered_grading_is_claimed_alone(database: SessionFactory, rubric: Rubric) -> None:
    unlucky = _submit(database, rubric)
    batch = _claim(database)
    assert batch
    with database.begin() as session:
        lifecycle.retry_later(session, batch.leases[0], _unanswered(rubric))
    with database.begin() as session:
        lifecycle.get(session, unlucky).not_before = None
    _submit(database, rubric, "another")
    again = _claim(database)
    assert again
    assert [lease.grading_id for lease in again.leases] == [unlucky]


def test_a_lost_reply_repeats_nothing(database: SessionFactory, rubric: Rubric) -> None:
    new = NewAnswer(rubric=rubric, answer="INT8")
    for _ in range(2):
        with database.begin() as session:
            assert submission.submit(session, new).grading.id == new.id
    claimed = _claim(database, owner="a")
    with database.begin() as session:
        assert lifecycle.held_by(session, "a") == claimed
        assert lifecycle.held_by(session, "b") is None
    assert claimed
    for _ in range(2):
        with database.begin() as session:
            assert not lifecycle.record(session, claimed.leases[0], _report(rubric)).open


# What callers and operators may do in each state; None stands for GradingFinished.
TRANSITIONS = {
    State.QUEUED: {"cancel": State.CANCELLED, "requeue": State.QUEUED, "regrade": State.QUEUED},
    State.RUNNING: {"cancel": State.CANCELLED, "requeue": State.RUNNING, "regrade": State.RUNNING},
    State.GRADED: {"cancel": None, "requeue": State.GRADED, "regrade": State.QUEUED},
    State.NEEDS_REVIEW: {"cancel": None, "requeue": State.NEEDS_REVIEW, "regrade": State.QUEUED},
    State.FAILED: {"cancel": None, "requeue": State.QUEUED, "regrade": State.QUEUED},
    State.DEAD: {"cancel": None, "requeue": State.QUEUED, "regrade": State.QUEUED},
    State.CANCELLED: {"cancel": State.CANCELLED, "requeue": State.QUEUED, "regrade": State.QUEUED},
}


@pytest.mark.parametrize(
    ("state", "operation", "result"),
    [(state, name, result) for state, row in TRANSITIONS.items() for name, result in row.items()],
)
def test_operations_change_states_as_documented(
    sqlite_database: SessionFactory, rubric: Rubric, state: State, operation: str, result: State | None
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, state)
    change = getattr(lifecycle, operation)
    if result is None:
        with pytest.raises(GradingFinished, match=f"is {state} already"):
            change_grading(sqlite_database, grading_id, change)
    else:
        change_grading(sqlite_database, grading_id, change)
    assert _state(sqlite_database, grading_id) is (result or state)


@pytest.mark.parametrize(
    ("state", "operation"),
    [(state, name) for state, row in TRANSITIONS.items() for name, result in row.items() if result],
)
def test_operations_are_idempotent(
    sqlite_database: SessionFactory, rubric: Rubric, state: State, operation: str
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, state)
    change = getattr(lifecycle, operation)

    def look() -> tuple[object, ...]:
        grading = read_grading(sqlite_database, grading_id)
        return grading.state, grading.attempt, grading.fencing_token, audited_kinds(sqlite_database, grading_id)

    change_grading(sqlite_database, grading_id, change)
    once = look()
    change_grading(sqlite_database, grading_id, change)
    assert look() == once


@pytest.mark.parametrize("state", [State.QUEUED, State.DEAD, State.CANCELLED])
def test_a_worker_writes_only_while_running(sqlite_database: SessionFactory, rubric: Rubric, state: State) -> None:
    grading_id, lease = bring_to(sqlite_database, rubric, State.RUNNING)
    assert lease
    if state is State.QUEUED:
        sweep_gone(sqlite_database, "w")
    elif state is State.DEAD:
        sweep_gone(sqlite_database, "w", max_attempts=1)
    elif state is State.CANCELLED:
        change_grading(sqlite_database, grading_id, lifecycle.cancel)
    with pytest.raises(LostLease, match=f"fencing token {lease.fencing_token} is not the newest"):
        record_report(sqlite_database, lease, make_report())
    assert _state(sqlite_database, grading_id) is state
    assert read_grading(sqlite_database, grading_id).report is None


def test_an_expired_lease_that_nobody_took_still_writes(
    sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    submit_answer(sqlite_database, rubric)
    lease = claim_one(sqlite_database, lease_seconds=5)
    fixed_clock.advance(60)
    assert record_report(sqlite_database, lease, make_report()) is State.GRADED


def test_every_claim_raises_the_fencing_token(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(sqlite_database, rubric)
    tokens = []
    for _ in range(3):
        lease = claim_one(sqlite_database)
        tokens.append(lease.fencing_token)
        with sqlite_database.begin() as session:
            lifecycle.release(session, [lease])
    assert tokens == [1, 2, 3]


def test_a_stale_lease_renews_and_releases_nothing(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    stale = claim_one(sqlite_database, owner="a")
    sweep_gone(sqlite_database, "a")
    claim_one(sqlite_database, owner="b")
    until = read_grading(sqlite_database, grading_id).lease_until
    with sqlite_database.begin() as session:
        lifecycle.renew(session, [stale], lease_seconds=9999)
        lifecycle.release(session, [stale], detail="from a")
    grading = read_grading(sqlite_database, grading_id)
    assert (grading.state, grading.lease_owner, grading.lease_until) == (State.RUNNING, "b", until)
    assert grading.detail != "from a"


def test_renewal_counts_from_now(sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    lease = claim_one(sqlite_database, lease_seconds=10)
    fixed_clock.advance(4)
    with sqlite_database.begin() as session:
        lifecycle.renew(session, [lease], lease_seconds=10)
    until = read_grading(sqlite_database, grading_id).lease_until
    assert until == fixed_clock.moment + timedelta(seconds=10)


def test_a_claim_takes_the_urgent_and_the_old_first(
    sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    order = []
    for priority in (lifecycle.BATCH, lifecycle.INTERACTIVE, lifecycle.BATCH, lifecycle.INTERACTIVE):
        order.append(submit_answer(sqlite_database, rubric, priority=priority))
        fixed_clock.advance(1)
    batch = claim_batch(sqlite_database, limit=3)
    assert batch
    assert [lease.grading_id for lease in batch.leases] == [order[1], order[3], order[0]]


def test_a_lease_has_what_grading_needs(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(sqlite_database, rubric, "答案", feedback_language="zh", request_id="r-1", trace_parent="00-aa-bb-01")
    batch = claim_batch(sqlite_database)
    assert batch
    assert Rubric.model_validate(batch.rubric_document) == rubric
    (lease,) = batch.leases
    assert (lease.answer, lease.feedback_language) == ("答案", "zh")
    assert (lease.request_id, lease.trace_parent) == ("r-1", "00-aa-bb-01")


def test_a_delayed_grading_is_due_at_its_moment(
    sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    submit_answer(sqlite_database, rubric)
    with sqlite_database.begin() as session:
        batch = lifecycle.claim(session, owner="w", limit=1, lease_seconds=60)
        assert batch
        lifecycle.release(session, batch.leases, delay_seconds=3)
    fixed_clock.advance(2.999)
    assert claim_batch(sqlite_database) is None
    fixed_clock.advance(0.001)
    assert claim_batch(sqlite_database)


@pytest.mark.parametrize(("max_attempts", "state"), [(1, State.DEAD), (3, State.QUEUED)])
def test_a_lost_worker_takes_the_provisional_range_along(
    sqlite_database: SessionFactory, rubric: Rubric, max_attempts: int, state: State
) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    partial = {"score_min": 2.0, "score_max": 9.0, "coverage": 0.5, "signals": {"rouge1": 0.1}}
    with sqlite_database.begin() as session:
        batch = lifecycle.claim(session, owner="w", limit=1, lease_seconds=60)
        assert batch
        lifecycle.release(session, batch.leases, reason=UnscoredReason.INFRASTRUCTURE, provisional=partial)
    claim_one(sqlite_database)
    sweep_gone(sqlite_database, "w", max_attempts=max_attempts)
    grading = read_grading(sqlite_database, grading_id)
    assert (grading.state, grading.provisional) == (state, None)


def test_a_retry_after_a_lost_lease_is_refused(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id, lease = bring_to(sqlite_database, rubric, State.CANCELLED)
    assert lease
    with sqlite_database.begin() as session, pytest.raises(LostLease, match=grading_id):
        lifecycle.retry_later(session, lease, make_report(reason=UnscoredReason.TIMEOUT))
    assert read_grading(sqlite_database, grading_id).state == State.CANCELLED


def test_a_failure_without_a_report_is_written_once(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    lease = claim_one(sqlite_database)
    failure = JudgeFailure(UnscoredReason.INTERNAL, "an error")
    for _ in range(2):
        with sqlite_database.begin() as session:
            assert lifecycle.fail(session, lease, failure) is State.FAILED
    grading = read_grading(sqlite_database, grading_id)
    assert (grading.state, grading.reason, grading.detail, grading.report) == ("failed", "internal", "an error", None)
    assert audited_kinds(sqlite_database, grading_id)[-1] == "grading_failed"


@pytest.mark.parametrize("state", [State.CANCELLED, State.GRADED, State.DEAD])
def test_a_late_failure_is_refused(sqlite_database: SessionFactory, rubric: Rubric, state: State) -> None:
    _, lease = bring_to(sqlite_database, rubric, state)
    assert lease
    with sqlite_database.begin() as session, pytest.raises(LostLease):
        lifecycle.fail(session, lease, JudgeFailure(UnscoredReason.INTERNAL, "an error"))


def test_the_provisional_range_goes_with_the_next_result(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    partial = {"score_min": 2.0, "score_max": 9.0, "coverage": 0.5, "signals": {"rouge1": 0.1}}
    with sqlite_database.begin() as session:
        batch = lifecycle.claim(session, owner="w", limit=1, lease_seconds=60)
        assert batch
        lifecycle.release(session, batch.leases, reason=UnscoredReason.INFRASTRUCTURE, provisional=partial)
    assert read_grading(sqlite_database, grading_id).provisional == partial
    record_report(sqlite_database, claim_one(sqlite_database), make_report())
    grading = read_grading(sqlite_database, grading_id)
    assert (grading.provisional, grading.reason, grading.detail) == (None, None, None)


def test_retries_double_their_delay_until_they_fail(
    sqlite_database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    report = make_report(reason=UnscoredReason.TIMEOUT)
    delays, states = [], []
    for _ in range(lifecycle.MAX_JUDGE_ATTEMPTS):
        lease = claim_one(sqlite_database)
        with sqlite_database.begin() as session:
            states.append(lifecycle.retry_later(session, lease, report))
        due = read_grading(sqlite_database, grading_id).not_before
        delays.append((due - fixed_clock.moment).total_seconds() if due else None)
        fixed_clock.advance(delays[-1] or 0)
    assert delays == [3, 6, 12, 24, None]
    assert states == [State.QUEUED] * 4 + [State.FAILED]
    change_grading(sqlite_database, grading_id, lifecycle.requeue)
    grading = read_grading(sqlite_database, grading_id)
    assert (grading.attempt, grading.judge_attempts, grading.reason) == (0, 0, None)


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (make_report(), State.GRADED),
        (make_report(score=0.0), State.GRADED),
        (make_report(needs_review=True), State.NEEDS_REVIEW),
        *[
            (make_report(reason=reason, needs_review=True), State.FAILED)
            for reason in UnscoredReason
            if reason is not UnscoredReason.UNSUPPORTED_EVIDENCE
        ],
        (make_report(reason=UnscoredReason.UNSUPPORTED_EVIDENCE), State.NEEDS_REVIEW),
    ],
    ids=lambda value: str(value) if isinstance(value, State) else str(value.unscored_reason),
)
def test_a_report_decides_the_state(report: Report, state: State) -> None:
    assert lifecycle.state_of(report) is state


def test_a_result_is_audited_once_with_its_reason(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    lease = claim_one(sqlite_database)
    for _ in range(2):
        record_report(sqlite_database, lease, make_report(reason=UnscoredReason.REFUSED))
    with sqlite_database() as session:
        events = session.scalars(sa.select(AuditEvent).where(AuditEvent.subject == grading_id)).all()
    assert [(event.kind, event.details["reason"]) for event in events] == [("grading_failed", "refused")]
    assert events[0].details["state"] == "failed"


def test_regrading_deletes_the_report(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, State.GRADED)
    change_grading(sqlite_database, grading_id, lifecycle.regrade)
    assert read_grading(sqlite_database, grading_id).report is None
    assert audited_kinds(sqlite_database, grading_id) == ["report_written", "grading_requeued"]
    assert record_report(sqlite_database, claim_one(sqlite_database), make_report()) is State.GRADED


def test_another_organisation_sees_nothing(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(sqlite_database, rubric)
    with sqlite_database() as session, pytest.raises(GradingNotFound):
        lifecycle.get(session, grading_id, organisation_id="other")


def test_a_long_identifier_is_cut_in_the_message(sqlite_database: SessionFactory) -> None:
    with sqlite_database() as session, pytest.raises(GradingNotFound) as error:
        lifecycle.get(session, "x" * 500)
    assert f"'{'x' * 64}'" in str(error.value)
