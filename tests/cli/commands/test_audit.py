from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

Viva = Callable[..., subprocess.CompletedProcess[str]]
RUBRIC = Path(__file__).parents[2] / "data" / "rubric.yaml"


@pytest.fixture
def graded(viva: Viva, tmp_path: Path) -> str:
    """The identifier of a grading."""
    file = tmp_path / "answers.csv"
    file.write_text("answer\nINT8 instead of FP16\nSmaller numbers\n", encoding="utf-8")
    done = viva("grade", file, "--rubric", RUBRIC, "--out", "out.jsonl")
    assert done.returncode == 0, done.stderr
    first = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[0]
    return str(json.loads(first)["grading_id"])


def test_the_trail_is_listed_checked_and_its_head_kept(viva: Viva, graded: str, tmp_path: Path) -> None:
    listed = viva("audit", "list", "--subject", graded).stdout
    assert listed.count("report_written") == 1
    assert graded in listed
    assert "2 events and 2 reports are as they were written" in viva("audit", "verify").stdout
    head = viva("audit", "head").stdout.strip()
    assert viva("audit", "verify", "--head", head).returncode == 0

    with closing(sqlite3.connect(tmp_path / "state" / "vivavoce.db")) as database:
        database.execute("DROP TRIGGER audit_event_keeps_rows_delete")
        database.execute("DELETE FROM audit_event WHERE id = 2")
        database.commit()
    done = viva("audit", "verify", "--head", head)
    assert done.returncode == 1
    assert "ends with event 1, but event 2 was written" in done.stdout


def test_a_changed_event_is_one_sentence(viva: Viva, graded: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state" / "vivavoce.db")) as database:
        database.execute("DROP TRIGGER audit_event_keeps_rows_update")
        database.execute("UPDATE audit_event SET actor = 'nobody' WHERE id = 1")
        database.commit()
    done = viva("audit", "verify")
    assert done.returncode == 1
    assert "Event 1 (report_written" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_what_is_no_head_is_one_sentence(viva: Viva) -> None:
    done = viva("audit", "verify", "--head", "yesterday")
    assert done.returncode == 2
    assert "viva audit head" in done.stderr
