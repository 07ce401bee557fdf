from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from vivavoce.graders import AnswerInput, JudgeFailure, Report, UnscoredReason, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service import lifecycle, submission, sweeping
from vivavoce.service.errors import GradingNotFound, IdempotencyInProgress, IdempotencyMismatch, LostLease
from vivavoce.service.lifecycle import Batch
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Grading, RubricVersion, State
from vivavoce.service.submission import NewAnswer


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def _submit(database: SessionFactory, rubric: Rubric, answer: str = "INT8", **more: str | int) -> str:
    with database.begin() as session:
        return submission.submit(session, NewAnswer(rubric=rubric, answer=answer, **more)).grading.id  # type: ignore[arg-type]


def _claim(database: SessionFactory, *, owner: str = "a", limit: int = 10, lease_seconds: float = 60) -> Batch | None:
    with database.begin() as session:
        lifecycle.sweep(session, max_attempts=3)
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


def test_a_report_without_a_score_is_a_failure_with_its_reason(database: SessionFactory, rubric: Rubric) -> None:
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


def test_an_answer_that_crashes_its_workers_is_set_aside(database: SessionFactory, rubric: Rubric) -> None:
    poison = _submit(database, rubric, "poison")
    for _ in range(3):
        assert _claim(database, lease_seconds=-1)
    innocent = _submit(database, rubric, "innocent")
    batch = _claim(database)
    assert batch
    assert [lease.grading_id for lease in batch.leases] == [innocent]
    assert _state(database, poison) is State.DEAD


def test_one_whose_worker_was_lost_comes_back_alone(database: SessionFactory, rubric: Rubric) -> None:
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


def test_a_lost_ring_is_found_once_and_a_heard_one_never(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = _submit(database, rubric, "heard")
    assert _claim(database)
    lost = _submit(database, rubric, "lost")
    later = clock.now() + timedelta(seconds=2 * sweeping.UNPUBLISHED_SECONDS)
    monkeypatch.setattr(clock, "now", lambda: later)
    with database.begin() as session:
        assert lifecycle.sweep(session, max_attempts=3).unpublished == (lost,)
    with database.begin() as session:
        assert lifecycle.sweep(session, max_attempts=3).unpublished == ()
    assert heard != lost


def test_everything_stopped_for_long_is_no_mass_death(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [_submit(database, rubric, f"answer {number}") for number in range(20)]
    assert _claim(database, limit=5)
    later = clock.now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: later)
    with database.begin() as session:
        swept = lifecycle.sweep(session, max_attempts=3)
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
        assert lifecycle.sweep(first, max_attempts=3).requeued
        assert lifecycle.sweep(second, max_attempts=3) == lifecycle.Swept()


def test_a_key_that_another_request_holds_is_in_progress(postgres_database: SessionFactory, rubric: Rubric) -> None:
    new = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k")
    with postgres_database.begin() as first:
        submission.submit(first, new)
        with pytest.raises(IdempotencyInProgress), postgres_database.begin() as second:
            submission.submit(second, new)
    with postgres_database.begin() as third:
        submission.submit(third, new)
        assert third.scalar(sa.select(sa.func.count()).select_from(Grading)) == 1


def test_what_failed_can_be_put_back_in_line(database: SessionFactory, rubric: Rubric) -> None:
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


def test_a_grading_that_is_not_there_is_named(database: SessionFactory) -> None:
    with pytest.raises(GradingNotFound, match="'nope'"), database() as session:
        lifecycle.get(session, "nope")


def _unanswered(rubric: Rubric) -> Report:
    slow = JudgeFailure(UnscoredReason.TIMEOUT, "no answer to this one")
    return grade([AnswerInput("INT8")], rubric, scripted_panel(lambda _, __: slow))[0]


def test_an_answer_that_the_judge_leaves_without_a_word_waits_longer_each_time_and_then_fails(
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


def test_one_that_the_judge_did_not_answer_comes_back_alone(database: SessionFactory, rubric: Rubric) -> None:
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


def test_what_a_lost_reply_hid_is_not_done_twice(database: SessionFactory, rubric: Rubric) -> None:
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
