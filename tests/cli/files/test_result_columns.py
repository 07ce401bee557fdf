from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vivavoce.cli.errors import UserError
from vivavoce.cli.files.result_columns import RESULTS, build_output_row, choose_columns
from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.service.answer_files.entries import list_entries
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.tables import Row, Table

from ..conftest import Submit

VALUES = {"answer": "INT8 weights", "note": "keep me"}
TABLE = Table(tuple(VALUES), (Row(2, VALUES),), ())
ENTRY = list_entries(TABLE)[0]


@pytest.fixture
def grading_of(
    submit: Submit, grade_waiting: Callable[..., None], database: SessionFactory
) -> Callable[..., GradingPublic]:
    """Submits an answer and gives its grading, graded unless told otherwise."""

    def run(answer: str = "INT8 weights", *, script: Any = None, graded: bool = True) -> GradingPublic:
        (grading_id,) = submit(answer)
        if graded:
            grade_waiting(scripted_panel(script) if script else None)
        with database() as session:
            return GradingPublic.from_grading(lifecycle.get(session, grading_id))

    return run


def _build(grading: GradingPublic | None, reason: str | None = None, *, with_report: bool = False) -> Mapping[str, Any]:
    columns = choose_columns(TABLE, added=(), wanted=None, with_report=with_report)
    return build_output_row(ENTRY, grading, columns, reason=reason)


def _table(*columns: str, **fields: str) -> Table:
    return Table(columns, (), (), fields=fields)


def test_only_names_that_are_taken_get_a_prefix() -> None:
    columns = choose_columns(_table("answer", "score", "flags"), added=(), wanted=None, with_report=False)
    assert list(columns.ours) == list(RESULTS)
    assert {key for key, name in columns.ours.items() if name != key} == {"score", "flags"}
    assert columns.ours["score"] == "viva_score"


def test_a_short_output_has_what_identifies_a_row_and_what_was_asked_for() -> None:
    table = _table("ID", "姓名", "answer", "note", "score", "who", candidate="who")
    columns = choose_columns(table, added=(), wanted=" score, feedback ,Note", with_report=False)
    assert columns.names == ("ID", "姓名", "note", "who", "viva_score", "feedback")


def test_a_short_output_of_a_wide_table_names_the_question() -> None:
    table = _table("Name", "rag", "lora")
    columns = choose_columns(table, added=("question_id", "answer"), wanted="points", with_report=False)
    assert columns.names == ("Name", "question_id", "points")


def test_unknown_columns_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"no column 'scor': choose from score, points, .*own \(answer, note\)"):
        choose_columns(TABLE, added=(), wanted="scor", with_report=False)
    with pytest.raises(UserError, match=r"only .jsonl and .json can hold whole reports"):
        choose_columns(TABLE, added=(), wanted="report", with_report=False)


def test_headings_stand_above_columns_as_the_file_has_them() -> None:
    table = Table(("answer", "column 2", "note (2)"), (), (), headings=("answer", "", "note"))
    columns = choose_columns(table, added=(), wanted=None, with_report=False)
    assert columns.headings[:4] == ("answer", "", "note", "score")


def test_a_graded_row_keeps_its_columns_and_gets_ours(grading_of: Callable[..., GradingPublic]) -> None:
    grading = grading_of()
    report = grading.report
    assert report
    row = _build(grading)
    assert list(row) == ["answer", "note", *RESULTS]
    assert (row["note"], row["state"], row["grading_id"]) == ("keep me", "graded", grading.id)
    assert [row[name] for name in ("score", "score_min", "score_max")] == [
        report["score"],
        report["score_min"],
        report["score_max"],
    ]
    assert row["judge_model"] == "scripted (scripted)"
    assert row["feedback"] == report["feedback"]["candidate"]
    assert row["unscored_reason"] is None


def test_criteria_come_as_points_of_points(grading_of: Callable[..., GradingPublic]) -> None:
    grading = grading_of()
    report = grading.report
    assert report
    cells = str(_build(grading)["criteria"]).split("; ")
    assert [cell.partition("=")[0] for cell in cells] == [criterion["id"] for criterion in report["criteria"]]
    first = report["criteria"][0]
    assert cells[0] == f"{first['id']}={first['points']:.1f}/{first['max_points']:g}"


def test_points_come_on_the_scale_of_the_rubric(grading_of: Callable[..., GradingPublic]) -> None:
    row = _build(grading_of())
    assert row["max_points"] == 10
    assert abs(row["points"] - row["score"]) <= 0.05
    assert _build(grading_of(script=lambda _, __: JudgeFailure(UnscoredReason.REFUSED, "no")))["points"] is None


def test_a_mistake_that_was_not_made_costs_zero_without_a_sign(grading_of: Callable[..., GradingPublic]) -> None:
    row = _build(grading_of(script=lambda _, criterion: -30.0 if criterion == "wrong" else 2.0))
    assert row["criteria"].endswith("; wrong=0/-2")
    assert "wrong=0/-2" in _build(grading_of(""))["criteria"]


def test_flags_are_words_between_blanks(grading_of: Callable[..., GradingPublic]) -> None:
    assert _build(grading_of("I don't know."))["flags"] == "non_answer"


def test_a_criterion_without_a_verdict_says_so(grading_of: Callable[..., GradingPublic]) -> None:
    failure = JudgeFailure(UnscoredReason.REFUSED, "said something else")
    row = _build(grading_of(script=lambda _, criterion: failure if criterion == "loss" else 2.0))
    assert "loss=no verdict/" in row["criteria"]
    assert (row["score"], row["state"]) == (None, "failed")
    assert row["unscored_reason"] == "refused: said something else"


def test_a_waiting_row_has_a_state_and_no_figures(grading_of: Callable[..., GradingPublic]) -> None:
    row = _build(grading_of(graded=False), with_report=True)
    assert (row["state"], row["score"], row["criteria"], row["report"]) == ("queued", None, None, None)


def test_a_row_without_a_grading_says_why() -> None:
    row = _build(None, "answer: the answer is a list.", with_report=True)
    assert (row["state"], row["unscored_reason"]) == ("not graded", "answer: the answer is a list.")
    assert row["report"] is None


def test_a_reason_to_wait_is_said_where_there_is_no_report(grading_of: Callable[..., GradingPublic]) -> None:
    row = _build(grading_of(graded=False), "another process is grading it")
    assert (row["state"], row["unscored_reason"]) == ("queued", "another process is grading it")


def test_own_columns_are_not_overwritten(grading_of: Callable[..., GradingPublic]) -> None:
    values = {"answer": "x", "score": "mine"}
    table = Table(tuple(values), (Row(2, values),), ())
    columns = choose_columns(table, added=(), wanted=None, with_report=False)
    row = build_output_row(list_entries(table)[0], grading_of(), columns)
    assert row["score"] == "mine"
    assert isinstance(row["viva_score"], float)


@pytest.mark.parametrize("with_report", [True, False])
def test_the_whole_report_comes_where_it_fits(grading_of: Callable[..., GradingPublic], with_report: bool) -> None:
    grading = grading_of()
    assert _build(grading, with_report=with_report).get("report") == (grading.report if with_report else None)
