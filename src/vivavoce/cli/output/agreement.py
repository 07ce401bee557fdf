"""How scores agree with the grades that people gave the same answers."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.evaluation.agreement import spearman
from vivavoce.service.page.html_report import Agreement, ReportRow
from vivavoce.service.page.report_scores import find_score

_MIN_PAIRS_FOR_CORRELATION = 5


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's rank correlation of (score, grade) pairs; None with fewer than 5 pairs or constant ones."""
    if len(pairs) < _MIN_PAIRS_FOR_CORRELATION:
        return None
    return spearman([pair[1] for pair in pairs], [pair[0] for pair in pairs])


def scored_pairs(rows: Sequence[ReportRow]) -> list[tuple[float, float]]:
    """(score, human grade) of every row that has both; an open score is none."""
    return [
        (score, row.human_grade)
        for row in rows
        if (score := find_score(row.grading.report)) is not None and row.human_grade is not None
    ]


def compare_with_people(rows: Sequence[ReportRow]) -> Agreement:
    """The agreement that the page of these rows shows."""
    pairs = scored_pairs(rows)
    return Agreement(rank_correlation(pairs), len(pairs))
