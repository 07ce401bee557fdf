"""The demo against the real API in this process: only the judge, and starting a service, are replaced."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from rich.console import Console

from vivavoce.cli.commands import demo
from vivavoce.cli.commands.demo import run_demo, sample_cohort
from vivavoce.cli.errors import UserError
from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.errors import ModelMissing
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import default_bank
from vivavoce.service.access.local_key import ensure_local_key
from vivavoce.service.app import create_app
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.grading import process_queue


class _GradingNotifier:
    """Grades at every notification, in place of a worker."""

    def __init__(self, database: SessionFactory, settings: Settings, script: Any) -> None:
        self._arguments = (database, scripted_panel(script), settings)

    def notify(self, grading_id: str) -> None:
        process_queue(*self._arguments, owner="demo")


@pytest.fixture
def show(
    database: SessionFactory, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """Runs the demo with a scripted judge on a few samples; gives what it printed."""

    def run(script: Any = lambda answer, criterion: 2.0, *, samples: int = 4) -> str:
        ensure_local_key(settings, database)
        app = create_app(
            settings,
            sessions=database,
            bank=default_bank(),
            notifier=_GradingNotifier(database, settings, script),
            judge_status=lambda: "ok",
        )

        @contextmanager
        def run_service(*_: Any) -> Iterator[str]:
            yield "http://testserver"

        cohort = sample_cohort()[:samples]
        monkeypatch.setattr(demo, "sample_cohort", lambda: cohort)
        monkeypatch.setattr(demo, "verified_model", lambda *_: None)
        monkeypatch.setattr(demo, "_run_service", run_service)
        monkeypatch.setattr(httpx, "Client", lambda base_url, headers, **_: TestClient(app, base_url, headers=headers))
        page = io.StringIO()
        try:
            run_demo(settings, report=tmp_path / "report.html", console=Console(file=page, width=200))
        except UserError as error:
            page.write(str(error))
        return page.getvalue()

    return run


def test_the_samples_are_of_both_languages_and_many_kinds() -> None:
    samples = sample_cohort()
    bank = default_bank()
    assert {sample.language for sample in samples} == {"zh", "en"}
    assert all(0 <= sample.human_grade <= 10 for sample in samples)
    assert all(bank.get(sample.question_id, sample.language) for sample in samples)  # type: ignore[arg-type]
    assert len({sample.kind for sample in samples}) > 3
    assert len({sample.candidate for sample in samples}) > 1


def test_scores_come_beside_the_grades_of_people(show: Callable[..., str], tmp_path: Path) -> None:
    samples = sample_cohort()[:6]
    shown = show(samples=6)
    assert "6 answers submitted to http://testserver" in shown
    rows = [line for line in shown.splitlines() if "│" in line][-6:]
    for sample, row in zip(samples, rows, strict=True):
        assert sample.question_id in row
        assert f"{sample.human_grade:.1f}" in row
    assert "judge: scripted on scripted, SHA-256 1" in shown
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert default_bank().get(samples[0].question_id, samples[0].language).question.text in page  # type: ignore[arg-type]
    assert f"report: {tmp_path / 'report.html'}" in shown
    # A report for interviewers says what is missing.
    assert "not covered: " in page or "未提及：" in page


def test_too_few_answers_have_no_rank_correlation(show: Callable[..., str]) -> None:
    assert "rank correlation with the people's grades: undefined" in show(samples=2)


def test_an_answer_without_a_score_is_a_failure(show: Callable[..., str], tmp_path: Path) -> None:
    failure = JudgeFailure(UnscoredReason.REFUSED, "said something else")
    judged: list[str] = []

    def fail_first(answer: str, criterion: str) -> float | JudgeFailure:
        judged.append(answer)
        return failure if answer == judged[0] else 2.0

    shown = show(fail_first)
    assert shown.endswith("1 answers have no score: the report says why.")
    assert (tmp_path / "report.html").exists()


def test_a_missing_model_is_said_before_anything_starts(tmp_path: Path, settings: Settings) -> None:
    without_models = settings.model_copy(update={"models_dir": tmp_path / "models"})
    with pytest.raises(ModelMissing, match="viva models fetch"):
        run_demo(without_models, report=tmp_path / "report.html", console=Console(file=io.StringIO()))
    assert not (tmp_path / "report.html").exists()


class _Process:
    """A service that has ended, or never ends by itself."""

    def __init__(self, *, ended: bool) -> None:
        self.calls: list[str] = []
        self._ended = ended

    def poll(self) -> int | None:
        return 1 if self._ended else None

    def terminate(self) -> None:
        self.calls.append("terminate")

    def kill(self) -> None:
        self.calls.append("kill")

    def wait(self, timeout: float | None = None) -> int:
        if timeout and not self._ended:
            raise subprocess.TimeoutExpired("viva", timeout)
        self.calls.append("wait")
        return 0


def _start(monkeypatch: pytest.MonkeyPatch, settings: Settings, process: _Process, log: str = "") -> tuple[str, str]:
    """Start the demo with that process as its service; gives what went wrong and what was printed."""

    def popen(command: list[str], *, stdout: Any, **_: Any) -> _Process:
        assert command[2:4] == ["vivavoce.cli", "serve"]
        stdout.write(log.encode())
        return process

    monkeypatch.setattr(demo, "verified_model", lambda *_: None)
    monkeypatch.setattr(subprocess, "Popen", popen)
    page = io.StringIO()
    with pytest.raises(UserError) as raised:
        run_demo(settings, report=Path("report.html"), console=Console(file=page, width=200))
    return str(raised.value), page.getvalue()


@pytest.mark.parametrize(
    ("log", "words"),
    [("starting\nno such table\n", "The service did not start (no such table): see "), ("", "(it logged nothing)")],
)
def test_a_service_that_ends_is_quoted(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, log: str, words: str
) -> None:
    process = _Process(ended=True)
    problem, _ = _start(monkeypatch, settings, process, log)
    assert words in problem
    assert problem.endswith("serve.log.")
    assert process.calls == ["terminate", "wait"]


def test_a_service_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(demo, "_START_SECONDS", 0.0)
    process = _Process(ended=False)
    problem, shown = _start(monkeypatch, settings, process)
    assert problem.startswith("The service was not ready within 0 s: see ")
    assert process.calls == ["terminate", "kill", "wait"]
    assert "was killed" in shown
