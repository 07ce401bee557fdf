from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivavoce.cli.commands import replay
from vivavoce.graders import Panel, build_panel
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.judge.types import Judge
from vivavoce.graders.models.embedder import Embedder
from vivavoce.graders.testing import HashingEmbedder, WordVerifier, scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers import panel_factory
from vivavoce.workers.grading import process_queue

from ..command_line import call_viva

Viva = Callable[..., subprocess.CompletedProcess[str]]
Submit = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _light_models(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word hashes instead of networks, unless a test is marked `models`: what they say is tested with the graders."""
    if request.node.get_closest_marker("models"):
        return
    for module in (panel_factory, replay):
        monkeypatch.setattr(module, "build_embedder", lambda name: HashingEmbedder())
        monkeypatch.setattr(module, "build_shipped_panel", _build_light_panel)


def _build_light_panel(*, embedder: Embedder, judge: Judge, with_relevance: bool = True, **options: Any) -> Panel:
    return build_panel(embedder=embedder, verifier=WordVerifier(), judge=judge, **options)


@pytest.fixture
def viva(stub_judge: StubJudgeServer, tmp_path: Path) -> Viva:
    """The command, with a stub for a judge; environment variables are keyword arguments."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        judge = {"VIVA_JUDGE_URL": stub_judge.url, "VIVA_JUDGE_MODEL": "stub", "VIVA_JUDGE_REVISION": "1"}
        return call_viva(*arguments, environment={**judge, "COLUMNS": "200", **environment}, folder=tmp_path)

    return run


@pytest.fixture
def submit(database: SessionFactory, rubric: Rubric) -> Submit:
    """Submits answers to the database of the command; gives the ids of their gradings."""

    def run(*answers: str, candidate: str | None = None) -> list[str]:
        with database.begin() as session:
            return [
                submission.submit(session, NewAnswer(rubric=rubric, answer=answer, candidate=candidate)).grading.id
                for answer in answers
            ]

    return run


@pytest.fixture
def grade_waiting(database: SessionFactory, settings: Settings) -> Callable[..., None]:
    """Grades what waits in the database of the command, without any model."""

    def run(panel: Panel | None = None) -> None:
        process_queue(database, panel or scripted_panel(), settings, owner="test")

    return run
