"""What a qualification run comes to: the figures of `viva bank qualify`, its thresholds, and why a question failed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

from vivavoce.rubrics.qualification import IN_ORDER, Quality

from .agreement import spearman
from .qualification import (
    MIN_DISCRIMINATION,
    AnswerResult,
    QuestionResult,
    Rejection,
    measure_discrimination,
    measure_language_differences,
    order_pairs,
)

# Share of questions and languages that must be in order.
MIN_SHARE_IN_ORDER = 0.9
# Mean difference between the languages, as a share of full scale.
MAX_LANGUAGE_GAP = 0.1
# A mistake more likely made than not costs points.
HELD_AGAINST = 0.5
# Two pairs always correlate perfectly.
_MIN_PAIRS = 3


def summarise_qualification(
    results: Sequence[QuestionResult], rejections: Sequence[Rejection], *, model: str, engine: str
) -> dict[str, Any]:
    """The figures of a run on at least one question, ready for JSON; docs/benchmarks.md describes each.

    Shares and language gaps are 0 to 1, grades and scores 0 to 10. A figure without data is None.
    """
    pairs = [
        (answer.grade, answer.score) for result in results for answer in result.answers if answer.score is not None
    ]
    in_order = sum(result.in_order for result in results)
    return {
        "model": model,
        "engine": engine,
        "in_order": {"count": in_order, "of": len(results), "share": in_order / len(results)},
        "pairs": [asdict(row) for row in order_pairs(results)],
        "unscored": sum(answer.score is None for result in results for answer in result.answers),
        "spearman": spearman(*zip(*pairs, strict=True)) if len(pairs) >= _MIN_PAIRS else None,
        "language_gap": _summarise_language_gap(results),
        "rejections": _summarise_rejections(rejections),
        "unseparated": [asdict(row) for row in measure_discrimination(results) if row.ordered < MIN_DISCRIMINATION],
        "questions": [
            {
                **asdict(result),
                "answers": [_answer_fields(answer) for answer in result.answers],
                "in_order": result.in_order,
            }
            for result in results
        ],
    }


def explain_disorder(result: QuestionResult) -> str:
    """Why a question is not in order: the qualities without a score, else each that scores no lower than a better one.

    Empty for a question in order.
    """
    usual = [answer for answer in result.answers if answer.style == "usual"]
    scores = {quality: [answer.score for answer in usual if answer.quality == quality] for quality in IN_ORDER}
    if unscored := [quality for quality, values in scores.items() if None in values]:
        return f"{', '.join(unscored)} without a score"
    return "; ".join(
        f"{worse} {_extreme(scores[worse], highest=True):.1f} is not below "
        f"{better} {_extreme(scores[better], highest=False):.1f}"
        for better, worse in _disordered_neighbours(replace(result, answers=tuple(usual)))
    )


def _disordered_neighbours(result: QuestionResult) -> list[tuple[Quality, Quality]]:
    """Neighbouring qualities of which some pair of answers is not in order."""
    neighbours = set(itertools.pairwise(IN_ORDER))
    return [
        (row.better, row.worse)
        for row in order_pairs([result])
        if (row.better, row.worse) in neighbours and row.right < row.pairs
    ]


def _extreme(scores: Sequence[float | None], *, highest: bool) -> float:
    defined = [score for score in scores if score is not None]
    return max(defined) if highest else min(defined)


def _summarise_language_gap(results: Sequence[QuestionResult]) -> dict[str, Any]:
    gaps = measure_language_differences(results)
    sizes = [abs(gap) for gaps_of_quality in gaps.values() for gap in gaps_of_quality]
    return {
        "mean": fmean(sizes) if sizes else None,
        "by_quality": {
            quality: {"mean": fmean(map(abs, values)), "zh_less_en": fmean(values)} if values else None
            for quality, values in gaps.items()
        },
    }


def _summarise_rejections(rejections: Sequence[Rejection]) -> dict[str, Any]:
    judged = [rejection.held_against for rejection in rejections if rejection.held_against is not None]
    return {
        "held_against": sum(probability >= HELD_AGAINST for probability in judged),
        "of": len(judged),
        "each": [asdict(rejection) for rejection in rejections],
    }


def _answer_fields(answer: AnswerResult) -> dict[str, Any]:
    # Only the run itself needs to know that the judge was unavailable.
    return {name: value for name, value in asdict(answer).items() if name != "judge_unavailable"}
