from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.graders.judge.stub import StubJudgeServer

Viva = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def viva(stub_judge: StubJudgeServer, tmp_path: Path) -> Viva:
    """The real command, as a process of its own, with a stub for a judge."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "vivavoce.cli", *map(str, arguments)],
            env={
                **os.environ,
                "VIVA_JUDGE_URL": stub_judge.url,
                "VIVA_JUDGE_MODEL": "stub",
                "VIVA_JUDGE_REVISION": "1",
                "COLUMNS": "200",
                **environment,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    return run
