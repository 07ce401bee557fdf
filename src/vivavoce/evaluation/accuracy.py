"""`viva bench accuracy`: how well scores agree with the grades that people gave."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from vivavoce.graders import MAX_SCORE, AnswerInput, Panel, Report, grade
from vivavoce.graders.scoring import probabilities
from vivavoce.graders.scoring.coefficients import SIGNALS
from vivavoce.graders.scoring.confidence import CONFIDENT_SHARE, WITHIN_POINTS, ReviewPolicy
from vivavoce.rubrics import Rubric

from . import agreement, review_policies
from .errors import EvaluationError
from .fitting import Example, levels_of
from .graded_answers import Row, balanced_sample, read_rows, rubric_for_row

MACHINE_ROWS = ("rouge", "embedding", "judge", "combined", "mean")
_INTERVALS = ("pearson", "wrmse", "qwk")
# Answers to a question that are graded together.
_BATCH = 4
_FINEST_SCALE = 11
# Grades and scores have few decimals, so rounding decides nothing.
_SLACK = 1e-6

Figures = dict[str, float | None]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """An answer with its scores, all of them shares of the maximum (0 to 1).

    `scores` has one for each row of MACHINE_ROWS but `mean`, `likely` the ends of the combined score's likely range;
    `raters` are the grades of single people, where there are several.
    """

    dataset: str
    question: Hashable
    language: str
    human: float
    scores: Mapping[str, float]
    likely: tuple[float, float]
    confidence: float
    needs_review: bool
    raters: tuple[float, ...] = ()


@dataclass(frozen=True)
class Graded:
    """A graded data set: its cases, the examples for fitting coefficients, and how many answers have no score."""

    cases: tuple[Case, ...]
    examples: tuple[Example, ...]
    unscored: int


def grade_set(
    path: Path,
    panel: Panel,
    *,
    limit: int | None,
    seed: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Graded:
    """Grade the answers of a file, or `limit` different ones spread evenly over its questions.

    Raises UnreadableGrades for a file that cannot be read, EvaluationError for an invalid rubric or when the judge is
    unavailable.
    """
    rows = read_rows(path)
    if limit is not None:
        rows = balanced_sample(rows, limit=limit, seed=seed)
    name = path.name.split(".")[0]
    cases: list[Case] = []
    examples: list[Example] = []
    done = 0
    for rubric, batch in _batches(rows, path):
        reports = grade([AnswerInput(row["answer"]) for row in batch], rubric, panel)
        if any(report.judge_unavailable for report in reports):
            raise EvaluationError(
                "The judge is unavailable: check it with 'viva doctor', then run the same command again to continue."
            )
        scored = [(row, report) for row, report in zip(batch, reports, strict=True) if report.score is not None]
        cases += [_build_case(name, row, rubric, report, panel) for row, report in scored]
        examples += [_build_example(name, row, rubric, report) for row, report in scored]
        done += len(batch)
        on_progress(done, len(rows))
    return Graded(tuple(cases), tuple(examples), unscored=len(rows) - len(cases))


def _batches(rows: Sequence[Row], path: Path) -> Iterator[tuple[Rubric, list[Row]]]:
    """Answers to the same question, a few at a time, with the rubric of the first."""
    by_question: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_question[row["question_id"]].append(row)
    for group in by_question.values():
        rubric = rubric_for_row(group[0], path)
        for start in range(0, len(group), _BATCH):
            yield rubric, group[start : start + _BATCH]


def measure_agreement(
    cases: Sequence[Case], *, seed: int, review: ReviewPolicy | None = None, intervals: bool = True
) -> dict[str, Any]:
    """All figures of some cases, as `--json` writes them; `review` names the pass mark and its margin."""
    human = np.array([case.human for case in cases])
    questions = [(case.dataset, case.question) for case in cases]
    levels = levels_in(human)
    columns: dict[str, Floats] = {
        name: np.array([case.scores[name] for case in cases]) for name in MACHINE_ROWS if name != "mean"
    }
    columns["mean"] = np.full(len(cases), human.mean() if len(cases) else 0.0)
    rows: dict[str, Figures | None] = {
        name: figures_of(human, machine, questions, levels=levels) for name, machine in columns.items()
    }
    rows["human"] = _compare_raters(cases, levels=levels)
    languages = sorted({case.language for case in cases})
    figures: dict[str, Any] = {
        "n": len(cases),
        "lang": languages[0] if len(languages) == 1 else "+".join(languages),
        "rows": rows,
        "review": _measure_review(cases),
        "policies": review_policies.compare_policies(
            human,
            columns["combined"],
            np.array([case.confidence for case in cases]),
            review=review or ReviewPolicy(),
        ),
    }
    if intervals:
        figures["intervals"] = {
            name: {figure: _bootstrap_figure(human, machine, figure, levels=levels, seed=seed) for figure in _INTERVALS}
            for name, machine in columns.items()
            if name != "mean"
        }
    return figures


def average_sets(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Figures]:
    """Each row's figures averaged over the sets, every set counting the same; None where any set's figure is."""
    averages: dict[str, Figures] = {}
    for row in MACHINE_ROWS:
        of_sets = [figures["rows"][row] for figures in sets.values()]
        averages[row] = {name: _mean_if_defined([figures[name] for figures in of_sets]) for name in of_sets[0]}
    return averages


def _mean_if_defined(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return fmean(defined) if len(defined) == len(values) else None


def _build_case(dataset: str, row: Row, rubric: Rubric, report: Report, panel: Panel) -> Case:
    assert report.score is not None
    levels = {criterion.id: criterion.signals for criterion in report.criteria if criterion.signals}
    # Answers that screening settled at 0 have no signals.
    alone = {
        name: probabilities.score_of(rubric, levels, panel.coefficients, name) / MAX_SCORE if levels else 0.0
        for name in SIGNALS
    }
    return Case(
        dataset=dataset,
        question=row["question_id"],
        language=row["lang"],
        human=row["score"] / row["max_score"],
        scores={**alone, "combined": report.score / MAX_SCORE},
        likely=(report.score_min / MAX_SCORE, report.score_max / MAX_SCORE),
        confidence=report.confidence,
        needs_review=report.needs_review,
        raters=tuple(score / row["max_score"] for score in row.get("raters") or ()),
    )


def _build_example(dataset: str, row: Row, rubric: Rubric, report: Report) -> Example:
    return Example(
        dataset=dataset,
        question=row["question_id"],
        language=rubric.question.language,
        answer=row["id"],
        known=row["score"] / row["max_score"],
        levels=tuple(level for result in report.criteria for level in levels_of(rubric, result.id, result.signals)),
    )


def figures_of(human: Floats, machine: Floats, questions: Sequence[Hashable], *, levels: int) -> Figures:
    """All figures of a machine's scores beside people's, on a scale of `levels` equal steps; see `agreement`."""
    return {
        "pearson": agreement.pearson(human, machine),
        "spearman": agreement.spearman(human, machine),
        "rmse": agreement.rmse(human, machine),
        "wrmse": agreement.weighted_rmse(human, machine),
        "qwk": agreement.quadratic_weighted_kappa(human, machine, levels=levels),
        "bias": agreement.bias(human, machine),
        "within_question": agreement.within_question(human, machine, questions),
        "ece": agreement.calibration_error(machine, human),
    }


def _compare_raters(cases: Sequence[Case], *, levels: int) -> Figures | None:
    """Agreement of one person with another on the same answer: every pair of raters, in both directions."""
    pairs = [
        (first, second, (case.dataset, case.question))
        for case in cases
        for first, second in itertools.permutations(case.raters, 2)
    ]
    if not pairs:
        return None
    first, second, questions = zip(*pairs, strict=True)
    return figures_of(np.array(first), np.array(second), questions, levels=levels)


def _measure_review(cases: Sequence[Case]) -> Figures:
    """The error with and without the answers that are sent to people, and how far the confidence can be relied on."""
    human = np.array([case.human for case in cases])
    machine = np.array([case.scores["combined"] for case in cases])
    confidence = np.array([case.confidence for case in cases])
    kept = np.array([not case.needs_review for case in cases], dtype=bool)
    near = (np.abs(human - machine) <= WITHIN_POINTS / MAX_SCORE + _SLACK).astype(float)
    in_range = [case.likely[0] - _SLACK <= case.human <= case.likely[1] + _SLACK for case in cases]
    return {
        "share": float(1 - kept.mean()) if len(cases) else None,
        "rmse_all": agreement.rmse(human, machine),
        "rmse_kept": agreement.rmse(human[kept], machine[kept]),
        "rmse_confident": agreement.rmse_of_most_confident(human, machine, confidence, share=CONFIDENT_SHARE),
        "confidence_ece": agreement.calibration_error(confidence, near),
        "in_range": fmean(in_range) if cases else None,
    }


def _bootstrap_figure(human: Floats, machine: Floats, figure: str, *, levels: int, seed: int) -> list[float] | None:
    """The ends of the 95 % interval of one of _INTERVALS."""
    measures: dict[str, Callable[[Floats, Floats], float | None]] = {
        "pearson": agreement.pearson,
        "wrmse": agreement.weighted_rmse,
        "qwk": partial(agreement.quadratic_weighted_kappa, levels=levels),
    }
    interval = agreement.bootstrap(lambda drawn: measures[figure](human[drawn], machine[drawn]), len(human), seed=seed)
    return [interval.low, interval.high] if interval else None


def levels_in(human: Floats) -> int:
    """The coarsest scale of equal steps that has all these grades (0 to 1): 2 to 11 levels."""
    for levels in range(2, _FINEST_SCALE):
        steps = human * (levels - 1)
        if np.allclose(steps, np.rint(steps), atol=1e-6):
            return levels
    return _FINEST_SCALE
