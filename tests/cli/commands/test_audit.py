from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.testing import scripted_panel

from ..conftest import Submit, Viva


@pytest.fixture
def graded(submit: Submit, grade_waiting: Callable[..., None]) -> list[str]:
    """Two gradings, written in this order."""
    ids = submit("INT8 instead of FP16")
    grade_waiting()
    ids += submit("Smaller numbers")
    grade_waiting()
    return ids


def _change(folder: Path, *statements: str) -> None:
    """Change the database of the command behind the back of its triggers."""
    with closing(sqlite3.connect(folder / "state" / "vivavoce.db")) as database:
        database.execute("DROP TRIGGER audit_event_keeps_rows_delete")
        database.execute("DROP TRIGGER audit_event_keeps_rows_update")
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_an_untouched_trail_and_its_head_are_confirmed(viva: Viva, graded: list[str]) -> None:
    assert "2 events and 2 reports are unchanged\n" in viva("audit", "verify").stdout
    head = viva("audit", "head").stdout.strip()
    assert head.startswith("2:")
    done = viva("audit", "verify", "--head", head)
    assert (done.returncode, f"head {head}" in done.stdout) == (0, True)


def test_an_empty_trail_has_a_head(viva: Viva) -> None:
    assert "0 events and 0 reports are unchanged" in viva("audit", "verify").stdout
    assert viva("audit", "head").stdout.strip() == f"0:{'0' * 64}"


def test_a_trail_may_grow_after_its_head_was_kept(
    viva: Viva, graded: list[str], submit: Submit, grade_waiting: Callable[..., None]
) -> None:
    head = viva("audit", "head").stdout.strip()
    submit("4 bits")
    grade_waiting()
    assert "3 events and 3 reports" in viva("audit", "verify", "--head", head).stdout


def test_events_cut_off_show_only_with_the_head(viva: Viva, graded: list[str], tmp_path: Path) -> None:
    head = viva("audit", "head").stdout.strip()
    _change(tmp_path, "DELETE FROM audit_event WHERE id = 2")
    assert viva("audit", "verify").returncode == 0
    done = viva("audit", "verify", "--head", head)
    assert done.returncode == 1
    assert "ends with event 1, but event 2 was written" in done.stdout


def test_reports_without_an_event_are_counted_as_older(viva: Viva, graded: list[str], tmp_path: Path) -> None:
    _change(tmp_path, "DELETE FROM audit_event WHERE id = 2")
    shown = viva("audit", "verify").stdout
    assert "1 events and 1 reports are unchanged, 1 reports are older than the trail" in shown


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_event SET actor = 'nobody' WHERE id = 1", "Event 1 (report_written"),
        ("UPDATE report SET score = 9.9", "The report of grading"),
        ("DELETE FROM report", "is gone"),
    ],
)
def test_a_change_is_one_sentence(viva: Viva, graded: list[str], tmp_path: Path, statement: str, words: str) -> None:
    _change(tmp_path, statement)
    done = viva("audit", "verify")
    assert done.returncode == 1
    assert done.stdout.startswith("broken ")
    assert words in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_events_are_listed_in_the_order_they_happened(viva: Viva, graded: list[str]) -> None:
    listed = viva("audit", "list").stdout
    assert listed.index(graded[0]) < listed.index(graded[1])
    newest = viva("audit", "list", "--limit", "1").stdout
    assert graded[1] in newest
    assert graded[0] not in newest


def test_events_of_one_subject_are_listed_alone(
    viva: Viva, submit: Submit, grade_waiting: Callable[..., None], graded: list[str]
) -> None:
    (failed,) = submit("4 bits")
    failure = JudgeFailure(UnscoredReason.REFUSED, "said something else")
    grade_waiting(scripted_panel(lambda answer, criterion: failure))
    assert "1 of 1" in viva("queue", "requeue", failed).stdout
    listed = viva("audit", "list", "--subject", failed).stdout
    assert listed.index("grading_failed") < listed.index("grading_requeued")
    assert "report_written" not in listed
    assert '"was": "failed"' in listed


def test_brackets_in_an_event_are_shown(viva: Viva, graded: list[str], tmp_path: Path) -> None:
    _change(tmp_path, "UPDATE audit_event SET subject = '[/b]', actor = '[red]x[/red]' WHERE id = 1")
    done = viva("audit", "list")
    assert done.returncode == 0
    assert "[/b]" in done.stdout
    assert "[red]x[/red]" in done.stdout


@pytest.mark.parametrize("head", ["yesterday", "1:abc", "-1:" + "0" * 64, ""])
def test_a_malformed_head_is_one_sentence(viva: Viva, head: str) -> None:
    done = viva("audit", "verify", "--head", head)
    if head:
        assert done.returncode == 2
        assert "viva audit head" in done.stderr
    else:
        # An unset variable in a script is no head.
        assert done.returncode == 0
