"""The columns that `viva grade` adds to a file of answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vivavoce.service.api.schemas import GradingPublic

from ..output.console import format_figure
from .tables import BadCell, Row

OUTPUT_COLUMNS = (
    "score",
    "points",
    "max_points",
    "score_min",
    "score_max",
    "confidence",
    "coverage",
    "state",
    "flags",
    "criteria",
    "feedback",
    "unscored_reason",
    "judge_model",
    "grading_id",
)


def name_columns(columns: Sequence[str]) -> dict[str, str]:
    """The name under which each of our columns is written; one that the input has already gets the prefix viva_."""
    return {name: name if name not in columns else f"viva_{name}" for name in OUTPUT_COLUMNS}


def build_output_row(
    row: Row,
    grading: GradingPublic | None,
    problem: BadCell | None,
    names: Mapping[str, str],
    *,
    wait: str | None = None,
    with_report: bool,
) -> dict[str, Any]:
    """A row of the input with its results; `names` is from `name_columns`, `with_report` adds the whole report.

    `wait` says why the grading is open still.
    """
    results = dict(_read_results(grading)) if grading else {"state": "not graded"}
    if wait and grading and grading.report is None:
        results["unscored_reason"] = wait
    if problem:
        results["unscored_reason"] = f"{problem.column}: {problem.problem}"
    output = {**row.values, **{names[name]: results.get(name) for name in OUTPUT_COLUMNS}}
    if with_report and grading:
        output["report"] = grading.report
    return output


def _read_results(grading: GradingPublic) -> Iterator[tuple[str, Any]]:
    yield "state", str(grading.state)
    yield "grading_id", grading.id
    yield "unscored_reason", grading.detail and f"{grading.reason}: {grading.detail}"
    report = grading.report
    # Gradings that wait or were cancelled have none.
    if report is None:
        return
    for name in ("score", "points", "max_points", "score_min", "score_max", "confidence", "coverage"):
        yield name, report[name]
    yield "flags", " ".join(report["flags"])
    yield "criteria", "; ".join(_describe_criterion(criterion) for criterion in report["criteria"])
    yield "feedback", report["feedback"]["candidate"]
    yield "judge_model", f"{report['provenance']['model']} ({report['provenance']['engine']})"


def _describe_criterion(criterion: Mapping[str, Any]) -> str:
    points = "no verdict" if criterion["points"] is None else format_figure(criterion["points"], 1)
    # Little of a mistake must not read -0.0.
    if points in ("0.0", "-0.0"):
        points = "0"
    return f"{criterion['id']}={points}/{criterion['max_points']:g}"
