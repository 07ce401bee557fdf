from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.graders.judge.servers.stub import StubJudgeServer

from ..command_line import call_viva

Viva = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def viva(stub_judge: StubJudgeServer, tmp_path: Path) -> Viva:
    """The command, with a stub for a judge; environment variables are keyword arguments."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        judge = {"VIVA_JUDGE_URL": stub_judge.url, "VIVA_JUDGE_MODEL": "stub", "VIVA_JUDGE_REVISION": "1"}
        return call_viva(*arguments, environment={**judge, "COLUMNS": "200", **environment}, folder=tmp_path)

    return run
