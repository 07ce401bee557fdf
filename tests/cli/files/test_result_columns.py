from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vivavoce.cli.files.result_columns import OUTPUT_COLUMNS, build_output_row, name_columns
from vivavoce.cli.files.tables import BadCell, Row
from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.service import lifecycle
from vivavoce.service.api.schemas import GradingPublic
from vivavoce.service.storage.engine import SessionFactory

from ..conftest import Submit

ROW = Row(2, {"answer": "INT8 weights", "note": "keep me"})
NAMES = name_columns(["answer", "note"])


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


def _build(grading: GradingPublic | None, problem: BadCell | None = None, **options: Any) -> Mapping[str, Any]:
    return build_output_row(ROW, grading, problem, NAMES, **{"with_report": False, **options})


def test_only_names_that_are_taken_get_a_prefix() -> None:
    names = name_columns(["answer", "score", "flags"])
    assert list(names) == list(OUTPUT_COLUMNS)
    assert {name for name, column in names.items() if column != name} == {"score", "flags"}
    assert names["score"] == "viva_score"


def test_a_graded_row_keeps_its_columns_and_gets_ours(grading_of: Callable[..., GradingPublic]) -> None:
    grading = grading_of()
    report = grading.report
    assert report
    row = _build(grading)
    assert list(row) == ["answer", "note", *OUTPUT_COLUMNS]
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


def test_a_bad_row_is_not_graded_and_says_why() -> None:
    row = _build(None, BadCell(2, "answer", "the answer is a list."), with_report=True)
    assert (row["state"], row["unscored_reason"]) == ("not graded", "answer: the answer is a list.")
    assert "report" not in row


def test_own_columns_are_not_overwritten(grading_of: Callable[..., GradingPublic]) -> None:
    row = build_output_row(
        Row(2, {"answer": "x", "score": "mine"}),
        grading_of(),
        None,
        name_columns(["answer", "score"]),
        with_report=False,
    )
    assert row["score"] == "mine"
    assert isinstance(row["viva_score"], float)


@pytest.mark.parametrize("with_report", [True, False])
def test_the_whole_report_comes_where_it_fits(grading_of: Callable[..., GradingPublic], with_report: bool) -> None:
    grading = grading_of()
    assert _build(grading, with_report=with_report).get("report") == (grading.report if with_report else None)
