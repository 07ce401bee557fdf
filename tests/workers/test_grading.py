from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from vivavoce.graders import JudgeFailure, Panel, UnscoredReason, build_panel
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.prompt import items_of
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier, scripted_panel
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.observability import metrics
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers import grading as worker_grading
from vivavoce.workers.grading import process_queue


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def _submit(database: SessionFactory, rubric: Rubric, *answers: str) -> list[str]:
    with database.begin() as session:
        return [submission.submit(session, NewAnswer(rubric=rubric, answer=answer)).grading.id for answer in answers]


def _state(database: SessionFactory, grading_id: str) -> tuple[State, str | None]:
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        return State(grading.state), grading.reason


def _score(database: SessionFactory, grading_id: str) -> float | None:
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        return grading.report.score if grading.report else None


@contextmanager
def _http_panel(server: StubJudgeServer, database: SessionFactory, *, timeout_seconds: float = 10) -> Iterator[Panel]:
    with RubricJudge(
        base_urls=[server.url],
        identity=EngineIdentity(engine="stub", model="stub", revision="1"),
        secret=b"",
        cache=StoredVerdicts(database),
        deadlines=Deadlines(timeout_seconds, 2 * timeout_seconds),
    ) as judge:
        yield build_panel(embedder=HashingEmbedder(), verifier=WordVerifier(), judge=judge)


def test_everything_that_waits_is_graded_once(database: SessionFactory, rubric: Rubric, settings: Settings) -> None:
    ids = _submit(database, rubric, *(f"INT8 number {n}" for n in range(10)))
    finished: list[str] = []
    done = process_queue(database, scripted_panel(), settings, owner="w", on_finished=finished.append)
    assert done.finished == 10
    assert sorted(finished) == sorted(ids)
    assert process_queue(database, scripted_panel(), settings, owner="w").finished == 0


@pytest.mark.parametrize("behaviour", ["http_500", "drop", "hang"])
def test_answers_wait_while_the_judge_fails(
    database: SessionFactory,
    rubric: Rubric,
    settings: Settings,
    stub_judge: StubJudgeServer,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
) -> None:
    monkeypatch.setattr(worker_grading, "RETRY_SECONDS", 0.1)
    ids = _submit(database, rubric, "INT8 instead of FP16", "fewer bits")
    stub_judge.behave(behaviour)  # type: ignore[arg-type]
    # A proper reply takes more than a second on a loaded machine.
    with _http_panel(stub_judge, database, timeout_seconds=5.0) as panel:
        done = process_queue(database, panel, settings, owner="w")
        assert (done.finished, done.released) == (0, 2)
        for grading_id in ids:
            state, reason = _state(database, grading_id)
            assert state is State.QUEUED
            assert reason in {"infrastructure", "timeout"}
            assert _score(database, grading_id) is None
        stub_judge.behave("answer")
        time.sleep(0.2)
        assert process_queue(database, panel, settings, owner="w").finished == 2
    assert all(_score(database, grading_id) is not None for grading_id in ids)


@pytest.mark.parametrize("setting", ["wait", "provisional"])
def test_callers_get_a_provisional_range_if_that_is_set(
    database: SessionFactory,
    rubric: Rubric,
    settings: Settings,
    stub_judge: StubJudgeServer,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
) -> None:
    monkeypatch.setattr(worker_grading, "RETRY_SECONDS", 0.1)
    settings = settings.model_copy(update={"on_judge_unavailable": setting})
    (grading_id,) = _submit(database, rubric, "INT8 instead of FP16")

    def public() -> GradingPublic:
        with database() as session:
            return GradingPublic.from_grading(lifecycle.get(session, grading_id))

    stub_judge.behave("http_500")
    with _http_panel(stub_judge, database) as panel:
        process_queue(database, panel, settings, owner="w")
        waiting = public()
        assert waiting.report is None
        if setting == "wait":
            assert waiting.provisional is None
        stub_judge.behave("answer")
        time.sleep(0.2)
        process_queue(database, panel, settings, owner="w")
    graded = public()
    assert graded.report
    assert graded.provisional is None
    if setting == "provisional":
        provisional = waiting.provisional
        assert provisional
        assert provisional.score_min < provisional.score_max
        assert provisional.score_min <= graded.report["score"] <= provisional.score_max
        assert provisional.coverage == 0
        assert provisional.signals["judge"] is None
        assert provisional.signals["rouge1"] == graded.report["signals"]["rouge1"]


def test_metrics_show_whether_the_judge_answers(
    database: SessionFactory,
    rubric: Rubric,
    settings: Settings,
    stub_judge: StubJudgeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_grading, "RETRY_SECONDS", 0.1)

    def seen(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(f"vivavoce_{name}", labels) or 0.0

    stub = {"engine": "stub", "model": "stub", "revision": "1"}
    before = {name: seen(name) for name in ("report_score_count", "report_confidence_count")}
    unavailable = seen("unscored_criteria_total", reason="infrastructure")
    _submit(database, rubric, "INT8 instead of FP16", "fewer bits")
    stub_judge.behave("http_500")
    with _http_panel(stub_judge, database) as panel:
        process_queue(database, panel, settings, owner="w")
        assert metrics.registry.get_sample_value("vivavoce_judge_reachable", stub) == 0
        assert seen("unscored_criteria_total", reason="infrastructure") > unavailable
        assert {name: seen(name) for name in before} == before
        stub_judge.behave("answer")
        time.sleep(0.2)
        process_queue(database, panel, settings, owner="w")
    assert metrics.registry.get_sample_value("vivavoce_judge_reachable", stub) == 1
    assert {name: seen(name) - count for name, count in before.items()} == dict.fromkeys(before, 2)


def test_a_malformed_reply_is_a_failure_with_its_reason(
    database: SessionFactory, rubric: Rubric, settings: Settings, stub_judge: StubJudgeServer
) -> None:
    (grading_id,) = _submit(database, rubric, "INT8 instead of FP16")
    stub_judge.behave("half_json")
    with _http_panel(stub_judge, database) as panel:
        process_queue(database, panel, settings, owner="w")
    assert _state(database, grading_id) == (State.FAILED, "parse")
    assert _score(database, grading_id) is None


def test_the_same_answer_is_judged_once_and_scores_the_same(
    database: SessionFactory, rubric: Rubric, settings: Settings, stub_judge: StubJudgeServer
) -> None:
    with _http_panel(stub_judge, database) as panel:
        (first,) = _submit(database, rubric, "INT8 instead of FP16")
        process_queue(database, panel, settings, owner="w")
        asked = len(stub_judge.prompts)
        (second,) = _submit(database, rubric, " INT8  instead of FP16\u200b")
        process_queue(database, panel, settings, owner="w")
    assert len(stub_judge.prompts) == asked
    assert _score(database, first) == _score(database, second) is not None


def test_empty_and_dont_know_answers_never_reach_the_judge(
    database: SessionFactory, rubric: Rubric, settings: Settings
) -> None:
    panel = scripted_panel()
    ids = _submit(database, rubric, "", "I don't know.", "…", "不知道")
    process_queue(database, panel, settings, owner="w")
    assert [_score(database, grading_id) for grading_id in ids] == [0.0] * 4
    assert isinstance(panel.judge, ScriptedJudge)
    assert panel.judge.calls == 0


def test_a_long_batch_keeps_its_lease(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVA_LEASE_SECONDS", "1")
    settings = Settings()
    (grading_id,) = _submit(database, rubric, "INT8")

    def slowly(_: str, __: str) -> float:
        time.sleep(0.4)
        return 2.0

    slow = threading.Thread(
        target=process_queue, args=(database, scripted_panel(slowly), settings), kwargs={"owner": "slow"}
    )
    slow.start()
    time.sleep(1.3)
    assert _state(database, grading_id)[0] is State.RUNNING
    assert process_queue(database, scripted_panel(), settings, owner="other").finished == 0
    slow.join()
    assert _score(database, grading_id) is not None


def test_one_failed_criterion_leaves_no_score(database: SessionFactory, rubric: Rubric, settings: Settings) -> None:
    failure = JudgeFailure(UnscoredReason.REFUSED, "said something else")
    (grading_id,) = _submit(database, rubric, "INT8")
    process_queue(
        database,
        scripted_panel(lambda _, criterion: failure if criterion == "loss" else 2.0),
        settings,
        owner="w",
    )
    assert _state(database, grading_id) == (State.FAILED, "refused")
    assert _score(database, grading_id) is None


def test_a_verdict_without_evidence_goes_to_a_person(
    database: SessionFactory, rubric: Rubric, settings: Settings
) -> None:
    failure = JudgeFailure(UnscoredReason.UNSUPPORTED_EVIDENCE, "no such quote")
    (grading_id,) = _submit(database, rubric, "INT8")
    process_queue(database, scripted_panel(lambda _, criterion: failure), settings, owner="w")
    assert _state(database, grading_id) == (State.NEEDS_REVIEW, "unsupported_evidence")
    assert _score(database, grading_id) is None


def test_the_embedded_default_is_a_real_file(settings: Settings, sqlite_database: SessionFactory) -> None:
    with sqlite_database() as session:
        session.connection()
    assert Path(settings.database.removeprefix("sqlite:///")).stat().st_size > 0


def test_a_prompt_that_the_judge_refuses_delays_no_other(
    database: SessionFactory, rubric: Rubric, settings: Settings, stub_judge: StubJudgeServer
) -> None:
    unlucky, *others = _submit(database, rubric, "POISON and INT8", *(f"INT8 number {n}" for n in range(8)))
    stub_judge.behave_on("POISON", "http_500")
    with _http_panel(stub_judge, database) as panel:
        done = process_queue(database, panel, settings, owner="w")
    assert (done.finished, done.released) == (8, 0)
    assert _state(database, unlucky) == (State.QUEUED, "infrastructure")
    assert all(_score(database, grading_id) is not None for grading_id in others)


class _DoubtfulCommits:
    """Commits that succeed and say that they did not: every other one."""

    def __init__(self, database: SessionFactory) -> None:
        self.errors = 0
        self._database = database
        self._turn = 0

    def __enter__(self) -> None:
        sa.event.listen(self._database.engine, "commit", self._commit)

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._database.engine, "commit", self._commit)

    def _commit(self, connection: sa.Connection) -> None:
        self._turn += 1
        if self._turn % 2:
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            self.errors += 1
            raise sa.exc.OperationalError("COMMIT", None, TimeoutError("the reply was lost"))


def test_commits_whose_reply_is_lost_change_nothing(
    database: SessionFactory, rubric: Rubric, settings: Settings, stub_judge: StubJudgeServer
) -> None:
    doubtful = _DoubtfulCommits(database)
    with doubtful:
        new = [NewAnswer(rubric=rubric, answer=f"INT8 number {number}") for number in range(12)]
        for answer in new:
            database.run(lambda session, answer=answer: submission.submit(session, answer))  # type: ignore[misc]
        with _http_panel(stub_judge, database) as panel:
            assert process_queue(database, panel, settings, owner="w").finished == 12
    assert doubtful.errors > 10
    assert all(_score(database, answer.id) is not None for answer in new)
    assert len(stub_judge.prompts) == 13 * len(items_of(rubric.criteria))
