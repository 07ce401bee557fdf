from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from vivavoce.cli.errors import UserError
from vivavoce.cli.files import grading_run
from vivavoce.cli.files.answer_files import Item, Outcome, Submitted, read_outcome, submit_entries
from vivavoce.cli.files.grading_run import grade_waiting
from vivavoce.cli.files.outcome_files import check_output, write_outcome
from vivavoce.cli.files.result_columns import choose_columns
from vivavoce.graders import JudgeFailure, Panel, UnscoredReason
from vivavoce.graders.testing import ScriptedJudge, scripted_panel
from vivavoce.rubrics import Bank, Rubric
from vivavoce.service.answer_files.answer_rows import RubricChoice
from vivavoce.service.answer_files.entries import list_entries
from vivavoce.service.gradings import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State
from vivavoce.tables import BadCell, Row, Table
from vivavoce.workers import grading as worker_grading
from vivavoce.workers.grading import QueueRun, process_queue

UNAVAILABLE = JudgeFailure(UnscoredReason.INFRASTRUCTURE, "connection refused", unavailable=True)
REFUSED = JudgeFailure(UnscoredReason.REFUSED, "said something else")


def _table(*answers: Any, problems: Sequence[BadCell] = (), **columns: Sequence[Any]) -> Table:
    """A table whose first row is on line 2; other columns have a value for each answer."""
    rows = [
        Row(line, {"answer": answer, **{name: values[line - 2] for name, values in columns.items()}})
        for line, answer in enumerate(answers, start=2)
    ]
    return Table(("answer", *columns), tuple(rows), tuple(problems))


@pytest.fixture
def submit(database: SessionFactory, rubric: Rubric) -> Callable[..., Submitted]:
    """Submits the rows of a table, all by one rubric unless told otherwise."""

    def run(table: Table, *, panel: Panel | None = None, **options: Any) -> Submitted:
        choice = RubricChoice(**{"bank": Bank([rubric]), "rubric": rubric, **options})
        entries = list_entries(table)
        graders = panel or scripted_panel()
        return submit_entries(entries, choice=choice, panel=graders, sessions=database, unreadable=table.problems)

    return run


@pytest.fixture
def submit_table(submit: Callable[..., Submitted]) -> Callable[..., tuple[Sequence[Item], list[BadCell]]]:
    """Submits the rows of a table, all by one rubric unless told otherwise."""

    def run(table: Table, *, panel: Panel | None = None, **options: Any) -> tuple[Sequence[Item], list[BadCell]]:
        submitted = submit(table, panel=panel, **options)
        return submitted.items, submitted.problems

    return run


@pytest.fixture
def grade(database: SessionFactory, settings: Settings) -> Callable[..., tuple[int, list[str]]]:
    """Grades items; gives how many were announced as finished, and the reasons for waiting."""

    def run(items: Sequence[Item], panel: Panel | None = None, *, patience_seconds: float = 5) -> tuple[int, list[str]]:
        finished: list[None] = []
        waits: list[str] = []
        grade_waiting(
            [item.grading_id for item in items],
            sessions=database,
            panel=panel or scripted_panel(),
            settings=settings,
            on_finished=lambda: finished.append(None),
            on_waiting=waits.append,
            patience_seconds=patience_seconds,
        )
        return len(finished), waits

    return run


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unavailable judge is asked again at once."""
    monkeypatch.setattr(grading_run, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(worker_grading, "RETRY_SECONDS", 0.0)


def _states(items: Sequence[Item], database: SessionFactory) -> list[State]:
    with database() as session:
        return [State(lifecycle.get(session, item.grading_id).state) for item in items]


# Submitting


def test_every_row_becomes_a_grading_of_low_priority(
    submit_table: Callable[..., Any], database: SessionFactory, rubric: Rubric
) -> None:
    items, problems = submit_table(_table("INT8", "fewer bits", candidate=["甲", "乙"]))
    assert problems == []
    assert [(item.entry.row.line, item.answer, item.rubric) for item in items] == [
        (2, "INT8", rubric),
        (3, "fewer bits", rubric),
    ]
    with database() as session:
        gradings = [lifecycle.get(session, item.grading_id) for item in items]
        assert [grading.submission.candidate for grading in gradings] == ["甲", "乙"]
        assert {grading.priority for grading in gradings} == {lifecycle.BATCH}


def test_bad_rows_are_reported_in_the_order_of_the_file(submit_table: Callable[..., Any]) -> None:
    broken = BadCell(5, "?", "the line is not JSON.")
    items, problems = submit_table(_table([], "INT8", {}, problems=[broken]))
    assert [item.entry.row.line for item in items] == [3]
    assert [(problem.line, problem.column) for problem in problems] == [(2, "answer"), (4, "answer"), (5, "?")]


def test_equal_rows_are_graded_each(submit_table: Callable[..., Any]) -> None:
    items, _ = submit_table(_table("INT8", "INT8", "INT8"))
    assert len({item.grading_id for item in items}) == 3


def test_a_second_run_takes_the_earlier_gradings(submit_table: Callable[..., Any]) -> None:
    table = _table("INT8", "INT8", "fewer bits")
    first, _ = submit_table(table)
    again, _ = submit_table(table)
    assert [item.grading_id for item in again] == [item.grading_id for item in first]
    longer, _ = submit_table(_table("INT8", "INT8", "fewer bits", "INT8"))
    assert len({item.grading_id for item in longer}) == 4


def test_another_candidate_is_another_grading(submit_table: Callable[..., Any]) -> None:
    first, _ = submit_table(_table("INT8", candidate=["a"]))
    other, _ = submit_table(_table("INT8", candidate=["b"]))
    assert first[0].grading_id != other[0].grading_id


def test_a_failed_grading_is_tried_again_by_the_next_run(
    submit_table: Callable[..., Any], grade: Callable[..., Any], database: SessionFactory
) -> None:
    table = _table("INT8")
    items, _ = submit_table(table)
    grade(items, scripted_panel(lambda answer, criterion: REFUSED))
    assert _states(items, database) == [State.FAILED]
    again, _ = submit_table(table)
    assert _states(again, database) == [State.QUEUED]
    assert again[0].grading_id == items[0].grading_id


# Grading


def test_every_item_is_announced_once(
    submit_table: Callable[..., Any], grade: Callable[..., Any], database: SessionFactory
) -> None:
    items, _ = submit_table(_table(*(f"INT8 number {number}" for number in range(7))))
    assert grade(items) == (7, [])
    assert set(_states(items, database)) == {State.GRADED}
    # All are finished before the second run begins.
    assert grade(items) == (7, [])


def test_gradings_of_others_are_not_announced(
    submit_table: Callable[..., Any], grade: Callable[..., Any], database: SessionFactory
) -> None:
    others, _ = submit_table(_table("fewer bits"))
    items, _ = submit_table(_table("INT8"))
    assert grade(items) == (1, [])
    assert _states(others, database) == [State.GRADED]


def test_without_patience_an_unavailable_judge_ends_the_run(
    submit_table: Callable[..., Any], grade: Callable[..., Any], database: SessionFactory, no_delay: None
) -> None:
    items, _ = submit_table(_table("INT8", "I don't know."))
    finished, _ = grade(items, scripted_panel(lambda answer, criterion: UNAVAILABLE), patience_seconds=0)
    # What needs no judge is graded all the same.
    assert finished == 1
    assert _states(items, database) == [State.QUEUED, State.GRADED]


def test_a_judge_that_returns_in_time_is_waited_for(
    submit_table: Callable[..., Any], grade: Callable[..., Any], database: SessionFactory, no_delay: None
) -> None:
    panel = scripted_panel(lambda answer, criterion: UNAVAILABLE if judge.calls < 3 else 2.0)
    assert isinstance(panel.judge, ScriptedJudge)
    judge = panel.judge
    items, _ = submit_table(_table("INT8"))
    finished, waits = grade(items, panel, patience_seconds=60)
    assert finished == 1
    assert waits == ["infrastructure: connection refused"] * 2
    assert _states(items, database) == [State.GRADED]


def test_what_another_worker_finished_is_announced(
    submit_table: Callable[..., Any], grade: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish_elsewhere(*arguments: Any, owner: str, on_finished: Any) -> QueueRun:
        process_queue(*arguments, owner="another worker")
        return QueueRun()

    items, _ = submit_table(_table("INT8", "fewer bits"))
    monkeypatch.setattr(grading_run, "process_queue", finish_elsewhere)
    assert grade(items) == (2, [])


def test_an_interrupt_leaves_the_rest_in_the_queue(
    submit_table: Callable[..., Any], database: SessionFactory, settings: Settings
) -> None:
    items, _ = submit_table(_table(*(f"INT8 number {number}" for number in range(6))))
    finished: list[int] = []

    def interrupt_second() -> None:
        finished.append(1)
        if len(finished) == 2:
            raise KeyboardInterrupt

    run = partial(
        grade_waiting,
        [item.grading_id for item in items],
        sessions=database,
        panel=scripted_panel(),
        on_waiting=print,
        patience_seconds=5,
    )
    one_at_a_time = settings.model_copy(update={"batch_size": 1})
    with pytest.raises(KeyboardInterrupt):
        run(settings=one_at_a_time, on_finished=interrupt_second)
    assert _states(items, database) == [State.GRADED] * 2 + [State.QUEUED] * 4
    run(settings=one_at_a_time, on_finished=lambda: None)
    assert _states(items, database) == [State.GRADED] * 6


# Results


def test_rows_without_a_score_are_counted(
    submit: Callable[..., Submitted], grade: Callable[..., Any], database: SessionFactory
) -> None:
    submitted = submit(_table("INT8", "fewer bits", []))
    assert read_outcome(submitted, database).ungraded == 3
    grade(submitted.items)
    outcome = read_outcome(submitted, database)
    assert (outcome.graded, outcome.ungraded) == (2, 1)
    assert [grading.state for grading in outcome.gradings.values()] == [State.GRADED, State.GRADED]
    failed = submit(_table("4 bits"))
    grade(failed.items, scripted_panel(lambda answer, criterion: REFUSED))
    assert read_outcome(failed, database).ungraded == 1


def test_a_row_of_which_a_cell_cannot_be_read_is_not_graded(submit: Callable[..., Submitted]) -> None:
    problem = BadCell(3, "note", "the cell is lost.")
    submitted = submit(_table("INT8", "INT4", problems=[problem, BadCell(9, "?", "no row.")]))
    assert [item.answer for item in submitted.items] == ["INT8"]
    assert submitted.bad_entries == {1: problem}
    assert [bad.line for bad in submitted.problems] == [3, 9]


def _write(path: Path, table: Table, outcome: Outcome) -> None:
    is_json = path.suffix in (".json", ".jsonl")
    columns = choose_columns(table, added=(), wanted=None, with_report=is_json)
    write_outcome(path, table, outcome, title="Grades for a.csv", columns=columns)


def _read_output(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".xlsx":
        heading, *rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return [dict(zip(heading, row, strict=True)) for row in rows]
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".xlsx"])
def test_every_row_comes_back_in_its_place(
    submit: Callable[..., Submitted],
    grade: Callable[..., Any],
    database: SessionFactory,
    tmp_path: Path,
    ending: str,
) -> None:
    table = _table("INT8", ["no text"], "I don't know.", score=["mine", "mine", "mine"], note=["甲", "乙", "丙"])
    submitted = submit(table)
    grade(submitted.items)
    path = tmp_path / f"out{ending}"
    _write(path, table, read_outcome(submitted, database))
    rows = _read_output(path)
    assert [row["note"] for row in rows] == ["甲", "乙", "丙"]
    assert {row["score"] for row in rows} == {"mine"}
    assert [row["state"] for row in rows] == ["graded", "not graded", "graded"]
    assert float(rows[0]["viva_score"]) > float(rows[2]["viva_score"]) == 0
    assert rows[1]["unscored_reason"] == "answer: the answer is a list: write it as text."
    assert ("report" in rows[0]) == (ending == ".jsonl")
    assert [path.name for path in tmp_path.glob(f"*{ending}")] == [path.name]


def test_a_page_names_graded_rows_and_problems(
    submit: Callable[..., Submitted], grade: Callable[..., Any], database: SessionFactory, tmp_path: Path
) -> None:
    table = _table("INT8 <b>", [])
    submitted = submit(table)
    grade(submitted.items)
    _write(tmp_path / "out.html", table, read_outcome(submitted, database))
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "Grades for a.csv" in page
    assert "INT8 <b>" not in page
    assert "line 3, column answer" in page


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.JSONL", "a.json", "a.xlsx", "a.html"])
def test_known_endings_can_be_written(tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".", "is a folder: name a file that ends in .csv"),
        ("a.pdf", "a.pdf does not end in .csv, .tsv, .jsonl, .json, .xlsx or .html"),
        ("a", "does not end in"),
        ("missing/a.csv", "missing does not exist: create it first."),
    ],
)
def test_results_without_a_place_are_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        check_output(tmp_path / name)
    assert words in str(error.value)
