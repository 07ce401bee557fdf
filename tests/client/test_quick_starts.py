"""Every block of docs/api/quick-start.md runs as it is, against a real service."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vivavoce.client import Client

from ..graded_service import GradedService
from .cohorts import grade_cohort

_PAGE = Path(__file__).parents[2] / "docs" / "api" / "quick-start.md"
_ROOT = Path(__file__).parents[2]
_LANGUAGES = ("bash", "python", "javascript")


def read_blocks(title: str) -> dict[str, str]:
    """The blocks of a section by language."""
    section = re.split(r"^## ", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(title)]
    return dict(re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))


def run_block(language: str, block: str, folder: Path, environment: dict[str, str]) -> str:
    """Runs a block in a folder; returns what it printed."""
    if language == "javascript":
        if shutil.which("node") is None:
            pytest.skip("node is missing")
        (folder / "block.mjs").write_text(block, encoding="utf-8")
        command = ["node", "block.mjs"]
    else:
        command = [sys.executable, "-c", block] if language == "python" else ["bash", "-euo", "pipefail", "-c", block]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT / "src"), "no_proxy": "127.0.0.1", **environment}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture
def connection(graded_service: GradedService) -> dict[str, str]:
    return {"VIVA_URL": graded_service.url, "VIVA_KEY": graded_service.key}


@pytest.mark.parametrize("language", _LANGUAGES)
def test_an_answer_is_graded(language: str, connection: dict[str, str], tmp_path: Path) -> None:
    printed = run_block(language, read_blocks("Grade an answer")[language], tmp_path, connection)
    assert re.search(r"\d\.\d", printed)


@pytest.mark.parametrize("language", _LANGUAGES)
def test_a_file_becomes_an_exported_file(language: str, connection: dict[str, str], tmp_path: Path) -> None:
    blocks = read_blocks("Grade a file of answers")
    (tmp_path / "answers.csv").write_text(blocks["csv"], encoding="utf-8")
    run_block(language, blocks[language], tmp_path, connection)
    rows = list(csv.DictReader((tmp_path / "results.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert sorted((row["external_id"], row["outcome"]) for row in rows if row["external_id"]) == [
        ("007", "graded"),
        ("008", "graded"),
    ]


@pytest.mark.parametrize("language", _LANGUAGES)
def test_results_are_followed(language: str, connection: dict[str, str], tmp_path: Path, client: Client) -> None:
    cohort = grade_cohort(client, 3)
    block = read_blocks("Follow results")[language]
    printed = run_block(language, block, tmp_path, {**connection, "COHORT": cohort.id})
    assert [f"x-{number:04d}" in printed for number in range(3)] == [True] * 3
