from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder as `deploy/init` leaves it."""
    for name in ("docker-compose.yml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "deploy" / "judges").mkdir(parents=True)
    for name in ("init", "update", "judges/cpu.env.example", "judges/gpu.env.example"):
        shutil.copy(ROOT / "deploy" / name, tmp_path / "deploy" / name)
    subprocess.run([tmp_path / "deploy" / "init"], check=True, capture_output=True)
    return tmp_path
