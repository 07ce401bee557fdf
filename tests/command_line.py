"""The command `viva`, run in this process: imports and models are loaded once for many tests."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from vivavoce.cli.main import run


def call_viva(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """What the command would do in a process of its own, started in `folder` with more environment variables."""
    words = ["viva", *map(str, arguments)]
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment or {}),
        mock.patch.object(sys, "argv", words),
        contextlib.chdir(folder or Path.cwd()),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            run()
            status: int | str | None = 0
        except SystemExit as end:
            status = end.code
    code = status if isinstance(status, int) else int(status is not None)
    return subprocess.CompletedProcess(words, code, stdout.getvalue(), stderr.getvalue())
