"""The loop of every worker, with a scripted judge on SQLite; test_grading.py has the rest on both databases."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import undefer

from vivavoce.graders import JudgeFailure, ModelMissing, Panel, UnscoredReason
from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle, submission, sweeping
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Grading, RubricVersion
from vivavoce.workers import grading as worker_grading
from vivavoce.workers.grading import QueueRun, process_queue, sweep_up
from vivavoce.workers.worker_id import current_worker_id

from ..rubrics.test_edits import edited

NO_REPLY = JudgeFailure(UnscoredReason.TIMEOUT, "no reply within 2 s")
UNAVAILABLE = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "connection refused", unavailable=True)


@pytest.fixture
def submit(database: SessionFactory, rubric: Rubric) -> Callable[..., list[str]]:
    def run(*answers: str, **values: Any) -> list[str]:
        with database.begin() as session:
            return [
                submission.submit(session, NewAnswer(**{"rubric": rubric, "answer": answer, **values})).grading.id
                for answer in answers
            ]

    return run


@pytest.fixture
def process(database: SessionFactory, settings: Settings) -> Callable[..., QueueRun]:
    """Processes the queue; `settings` are changed values, the rest goes to `process_queue`."""

    def run(panel: Panel | None = None, *, changed: dict[str, Any] | None = None, **options: Any) -> QueueRun:
        chosen = settings.model_copy(update=changed or {})
        return process_queue(database, panel or scripted_panel(), chosen, **{"owner": "test", **options})

    return run


@pytest.fixture
def gradings(database: SessionFactory) -> Callable[[Sequence[str]], list[Grading]]:
    def read(ids: Sequence[str]) -> list[Grading]:
        with database() as session:
            return [lifecycle.get(session, grading_id) for grading_id in ids]

    return read


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of the service."""
    true_now = clock.now

    def move(seconds: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: true_now() + timedelta(seconds=seconds))

    return move


def _claim(database: SessionFactory, owner: str, *, seconds: float = 10) -> None:
    """Lease what waits to a worker that then does nothing."""
    with database.begin() as session:
        assert lifecycle.claim(session, owner=owner, limit=9, lease_seconds=seconds)


class FailingEmbedder(HashingEmbedder):
    """Raises an error that quotes the text if it says poison."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        for text in texts:
            if "poison" in text:
                raise ZeroDivisionError(f"cannot read {text}")
        return super().embed(texts)


def test_an_error_fails_the_answer_that_causes_it_alone(
    submit: Callable[..., list[str]],
    process: Callable[..., QueueRun],
    gradings: Callable[[Sequence[str]], list[Grading]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = submit("INT8 weights.", "Secret poison.", "INT4 weights.")
    done = process(replace(scripted_panel(), embedder=FailingEmbedder()))
    first, poison, last = gradings(ids)
    assert done == QueueRun(finished=3)
    assert [first.state, poison.state, last.state] == ["graded", "failed", "graded"]
    assert (poison.reason, poison.report, poison.attempt) == ("internal", None, 1)
    assert poison.detail == (
        "an error of the program (ZeroDivisionError): look into the worker's log, then requeue the grading"
    )
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "ZeroDivisionError" in errors[0]
    assert "in embed" in errors[0]
    assert "poison" not in caplog.text.replace('if "poison" in text', "")


def test_a_missing_model_fails_no_grading(
    submit: Callable[..., list[str]],
    process: Callable[..., QueueRun],
    gradings: Callable[[Sequence[str]], list[Grading]],
) -> None:
    class Missing(HashingEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            raise ModelMissing("There is no model.")

    ids = submit("INT8 weights.")
    with pytest.raises(ModelMissing):
        process(replace(scripted_panel(), embedder=Missing()))
    assert _states(gradings(ids)) == ["running"]


def test_a_figure_that_is_not_finite_fails_its_grading(
    submit: Callable[..., list[str]],
    process: Callable[..., QueueRun],
    gradings: Callable[[Sequence[str]], list[Grading]],
) -> None:
    ids = submit("INT8 weights.", "NaN weights.")
    process(scripted_panel(lambda answer, criterion: math.nan if "NaN" in answer else 2.0))
    good, bad = gradings(ids)
    assert (good.state, bad.state, bad.reason) == ("graded", "failed", "internal")
    assert "not a finite number" in str(bad.detail)
    assert bad.report is not None


def test_a_rubric_that_is_no_longer_accepted_fails_with_a_sentence(
    submit: Callable[..., list[str]],
    process: Callable[..., QueueRun],
    gradings: Callable[[Sequence[str]], list[Grading]],
    database: SessionFactory,
) -> None:
    ids = submit("INT8 weights.")
    with database.begin() as session:
        version = session.scalars(sa.select(RubricVersion).options(undefer(RubricVersion.document))).one()
        criteria = [{**version.document["criteria"][0], "points": 1e-308}, *version.document["criteria"][1:]]
        version.document = {**version.document, "criteria": criteria}
    assert process().finished == 1
    (grading,) = gradings(ids)
    assert (grading.state, grading.reason) == ("failed", "internal")
    assert "criterion 1, points: points must be at least 0.01" in str(grading.detail)


def test_a_slow_answer_fails_alone(
    submit: Callable[..., list[str]],
    process: Callable[..., QueueRun],
    gradings: Callable[[Sequence[str]], list[Grading]],
) -> None:
    def answer(text: str, criterion: str) -> float:
        time.sleep(0.1 if "slow" in text else 0.0)
        return 2.0

    ids = submit("INT8 weights.", "slow weights.", "INT4 weights.")
    process(scripted_panel(answer), changed={"grading_seconds": 0.3})
    found = gradings(ids)
    assert _states(found) == ["graded", "failed", "graded"]
    assert (found[1].reason, found[1].attempt) == ("too_long", 1)
    assert "VIVA_GRADING_SECONDS" in str(found[1].detail)


def _states(gradings: Sequence[Grading]) -> list[str]:
    return [str(grading.state) for grading in gradings]


# How batches are formed, and when the run ends


def test_an_empty_queue_is_done_at_once(process: Callable[..., QueueRun]) -> None:
    assert process() == QueueRun()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The answers of every batch that a scripted judge gets."""
    asked: list[list[str]] = []
    judge = ScriptedJudge.judge

    def record(self: ScriptedJudge, answers: Sequence[str], rubric: Rubric) -> Any:
        # The judge reads numbered sentences.
        asked.append([answer.removeprefix("[1] ") for answer in answers])
        return judge(self, answers, rubric)

    monkeypatch.setattr(ScriptedJudge, "judge", record)
    return asked


@pytest.mark.parametrize(("size", "sizes"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (64, [5])])
def test_batches_have_the_size_of_the_settings(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    batches: list[list[str]],
    size: int,
    sizes: list[int],
) -> None:
    submit(*(f"INT8 number {number}" for number in range(5)))
    assert process(changed={"batch_size": size}).finished == 5
    assert [len(batch) for batch in batches] == sizes


def test_answers_to_different_rubrics_are_graded_apart(
    submit: Callable[..., Any], process: Callable[..., QueueRun], batches: list[list[str]], rubric: Rubric
) -> None:
    submit("INT8 one")
    submit("INT8 two", rubric=edited(rubric, "criteria", 0, "points", value=1))
    submit("INT8 three")
    assert process().finished == 3
    assert batches == [["INT8 one", "INT8 three"], ["INT8 two"]]


def test_people_who_wait_come_before_batches(submit: Callable[..., Any], process: Callable[..., QueueRun]) -> None:
    batch = submit("INT8 one", "INT8 two", priority=lifecycle.BATCH)
    interactive = submit("INT8 three", priority=lifecycle.INTERACTIVE)
    finished: list[str] = []
    process(changed={"batch_size": 1}, on_finished=finished.append)
    assert finished == [*interactive, *batch]


def test_nothing_is_claimed_after_the_stop(
    submit: Callable[..., Any], process: Callable[..., QueueRun], gradings: Callable[..., list[Grading]]
) -> None:
    ids = submit("INT8")
    assert process(stopping=lambda: True) == QueueRun()
    assert _states(gradings(ids)) == ["queued"]


def test_the_batch_in_hand_is_finished_before_the_stop(
    submit: Callable[..., Any], process: Callable[..., QueueRun], gradings: Callable[..., list[Grading]]
) -> None:
    ids = submit("INT8 one", "INT8 two", "INT8 three")
    finished: list[str] = []
    run = process(changed={"batch_size": 2}, stopping=lambda: bool(finished), on_finished=finished.append)
    assert run == QueueRun(finished=2)
    assert _states(gradings(ids)) == ["graded", "graded", "queued"]


# Judges that give no verdict


def test_an_unavailable_judge_ends_the_run(
    submit: Callable[..., Any], process: Callable[..., QueueRun], gradings: Callable[..., list[Grading]]
) -> None:
    ids = submit("INT8 one", "I don't know.", "INT8 two", "INT8 three")
    run = process(scripted_panel(lambda answer, criterion: UNAVAILABLE), changed={"batch_size": 3})
    assert run == QueueRun(finished=1, released=2, released_reason="infrastructure: connection refused")
    waiting, settled, _, untouched = gradings(ids)
    assert (str(settled.state), settled.attempt) == ("graded", 1)
    assert (str(waiting.state), waiting.attempt, waiting.reason) == ("queued", 0, "infrastructure")
    # It was not asked about the second batch.
    assert (str(untouched.state), untouched.reason) == ("queued", None)


def test_released_gradings_wait_before_the_next_try(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    later: Callable[[float], None],
) -> None:
    submit("INT8")
    process(scripted_panel(lambda answer, criterion: UNAVAILABLE))
    assert process() == QueueRun()
    later(worker_grading.RETRY_SECONDS + 0.1)
    assert process() == QueueRun(finished=1)


@pytest.mark.parametrize(("setting", "is_kept"), [("wait", False), ("provisional", True)])
def test_a_provisional_range_is_kept_only_when_set(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    gradings: Callable[..., list[Grading]],
    setting: str,
    is_kept: bool,
) -> None:
    ids = submit("INT8")
    process(scripted_panel(lambda answer, criterion: UNAVAILABLE), changed={"on_judge_unavailable": setting})
    (grading,) = gradings(ids)
    assert (grading.provisional is not None) == is_kept
    if grading.provisional:
        assert 0 <= grading.provisional["score_min"] < grading.provisional["score_max"] <= 10
        assert set(grading.provisional) == {"score_min", "score_max", "coverage", "signals"}


def test_an_answer_without_a_reply_waits_longer_each_time(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    gradings: Callable[..., list[Grading]],
    later: Callable[[float], None],
) -> None:
    ids = submit("unlucky INT8", "INT8")
    panel = scripted_panel(lambda answer, criterion: NO_REPLY if "unlucky" in answer else 2.0)
    waits = []
    passed = 0.0
    for attempt in range(lifecycle.MAX_JUDGE_ATTEMPTS):
        # The run goes on: the judge answers others.
        assert process(panel) == QueueRun(finished=1 if attempt in (0, lifecycle.MAX_JUDGE_ATTEMPTS - 1) else 0)
        unlucky, _ = gradings(ids)
        if unlucky.not_before:
            waits.append(round((unlucky.not_before - unlucky.updated_at).total_seconds()))
            passed += waits[-1] + 0.1
            later(passed)
    assert waits == [3, 6, 12, 24]
    assert _states(gradings(ids)) == ["failed", "graded"]
    assert gradings(ids)[0].reason == "timeout"


# Leases that are lost, and workers that end


def test_a_result_after_a_cancellation_is_refused_alone(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    gradings: Callable[..., list[Grading]],
    database: SessionFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = submit("INT8 one", "INT8 two")

    def cancel_first(answer: str, criterion: str) -> float:
        with database.begin() as session:
            lifecycle.cancel(session, lifecycle.get(session, ids[0]))
        return 2.0

    finished: list[str] = []
    assert process(scripted_panel(cancel_first), on_finished=finished.append) == QueueRun(finished=1)
    assert finished == ids[1:]
    assert _states(gradings(ids)) == ["cancelled", "graded"]
    assert gradings(ids)[0].report is None
    assert any(record.getMessage().startswith("late result refused") for record in caplog.records)


def test_an_interrupt_requeues_the_batch(
    submit: Callable[..., Any], process: Callable[..., QueueRun], gradings: Callable[..., list[Grading]]
) -> None:
    ids = submit("INT8 one", "INT8 two")

    def interrupt(answer: str, criterion: str) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process(scripted_panel(interrupt))
    assert [(str(grading.state), grading.attempt) for grading in gradings(ids)] == [("queued", 0)] * 2
    assert process().finished == 2


def test_a_claim_whose_reply_was_lost_is_found_again(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    gradings: Callable[..., list[Grading]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = submit("INT8 one", "INT8 two")
    run = SessionFactory.run
    claims: list[Any] = []

    def repeat_claim(self: SessionFactory, work: Any, **options: Any) -> Any:
        if work.__name__ == "claim_once":
            claims.append(run(self, work, **options))
        return run(self, work, **options)

    monkeypatch.setattr(SessionFactory, "run", repeat_claim)
    assert process(changed={"batch_size": 1}).finished == 2
    # Each was claimed once though every claim was repeated.
    assert [grading.fencing_token for grading in gradings(ids)] == [1, 1]
    assert len(claims) == 3


def test_gradings_of_an_ended_process_are_requeued_at_once(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    gradings: Callable[..., list[Grading]],
    database: SessionFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = submit("INT8")
    _claim(database, "gone")
    assert process().finished == 0
    monkeypatch.setattr(worker_grading, "has_ended", lambda owner: owner == "gone")
    assert process().finished == 1
    assert _states(gradings(ids)) == ["graded"]
    assert any(record.getMessage().startswith("requeued 1 gradings of stalled workers") for record in caplog.records)


def test_this_process_does_not_count_as_ended(
    submit: Callable[..., Any], process: Callable[..., QueueRun], database: SessionFactory
) -> None:
    submit("INT8")
    _claim(database, current_worker_id())
    assert process().finished == 0


def test_an_expired_lease_is_requeued(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    database: SessionFactory,
    later: Callable[[float], None],
) -> None:
    submit("INT8")
    _claim(database, "another machine", seconds=10)
    later(9)
    assert process().finished == 0
    later(11)
    assert process().finished == 1


def test_a_grading_that_ends_its_workers_is_set_aside(
    submit: Callable[..., Any],
    gradings: Callable[..., list[Grading]],
    database: SessionFactory,
    settings: Settings,
    later: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = submit("INT8")
    for attempt in range(settings.max_attempts):
        later(100 * attempt)
        _claim(database, "another machine")
        later(100 * attempt + 50)
        swept = sweep_up(database, settings)
        is_last = attempt == settings.max_attempts - 1
        assert (swept.requeued, swept.dead) == (((), tuple(ids)) if is_last else (tuple(ids), ()))
    assert _states(gradings(ids)) == ["dead"]
    assert caplog.records[-1].getMessage().startswith("1 gradings are dead, see 'viva queue --state dead'")


def test_lost_notifications_are_found_once(
    submit: Callable[..., Any],
    database: SessionFactory,
    settings: Settings,
    later: Callable[[float], None],
) -> None:
    ids = submit("INT8")
    assert sweep_up(database, settings).unpublished == ()
    later(sweeping.UNPUBLISHED_SECONDS + 0.1)
    assert sweep_up(database, settings).unpublished == tuple(ids)
    assert sweep_up(database, settings).unpublished == ()


def test_feedback_comes_in_the_language_asked_for(
    submit: Callable[..., Any], process: Callable[..., QueueRun], gradings: Callable[..., list[Grading]]
) -> None:
    ids = [*submit("INT8"), *submit("INT8", feedback_language="zh")]
    process()
    languages = [grading.report.document["feedback"]["language"] for grading in gradings(ids) if grading.report]
    assert languages == ["en", "zh"]


def test_leases_are_renewed_while_models_run(
    submit: Callable[..., Any],
    process: Callable[..., QueueRun],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (grading_id,) = submit("INT8")
    renewed: list[str] = []
    enough = Event()

    def renew(session: Any, leases: Sequence[lifecycle.Lease], *, lease_seconds: float) -> None:
        renewed.extend(lease.grading_id for lease in leases)
        if len(renewed) == 2:
            enough.set()

    def wait(answer: str, criterion: str) -> float:
        assert enough.wait(30)
        return 2.0

    monkeypatch.setattr(lifecycle, "renew", renew)
    assert process(scripted_panel(wait), changed={"lease_seconds": 0.03}).finished == 1
    assert set(renewed) == {grading_id}
