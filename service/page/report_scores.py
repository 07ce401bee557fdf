"""Scores of reports as the HTML report shows them: open ones, points and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.graders.flags import is_open
from vivavoce.graders.types import MAX_SCORE

from ..api.schemas.gradings.lifecycle import GradingPublic
from .report_labels import format_points


def is_open_report(report: Mapping[str, Any]) -> bool:
    """Whether the score of 0 of a report stands for one that a person has to give."""
    return is_open(score=report["score"], coverage=report.get("coverage", 1.0), flags=report["flags"])


def find_score(report: Mapping[str, Any] | None) -> float | None:
    """The score of a report; None without one, and for one that is open."""
    if not report or is_open_report(report):
        return None
    score: float | None = report["score"]
    return score


def name_missing_score(report: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """What stands in place of a score: that it is open, or that there is none."""
    return labels["open" if report and is_open_report(report) else "no_score"]


def write_points(report: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Points on the rubric's own scale; empty without a score, and where that scale is 0 to 10 too."""
    if find_score(report) is None or report.get("points") is None or report["max_points"] == MAX_SCORE:
        return ""
    return labels["points_of"].format(points=format_points(report["points"]), maximum=f"{report['max_points']:g}")


def write_bounds(bounds: tuple[float, float] | None, labels: Mapping[str, str]) -> str:
    """The least and the most that the score may be, one number when both are the same; empty without them."""
    if bounds is None:
        return ""
    low, high = map(format_points, bounds)
    return low if low == high else labels["between"].format(low=low, high=high)


def score_bounds(grading: GradingPublic) -> tuple[float, float] | None:
    """The least and the most that the score may be, 0 to 10, also while grading goes on; None if nothing is known."""
    if grading.report:
        return grading.report["score_min"], grading.report["score_max"]
    if grading.provisional:
        return grading.provisional.score_min, grading.provisional.score_max
    return None
