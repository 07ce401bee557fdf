from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ...command_line import call_viva
from ...graded_service import GradedService

Caller = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def caller(graded_service: GradedService, tmp_path: Path) -> Caller:
    """The command, with a real service behind VIVA_URL."""
    connection = {"VIVA_URL": graded_service.url, "VIVA_KEY": graded_service.key}

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return call_viva(*arguments, environment={**connection, **environment}, folder=tmp_path)

    return run
