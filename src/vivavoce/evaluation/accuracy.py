"""`viva bench accuracy`: how well scores agree with the grades that people gave."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import pydantic

from vivavoce.graders import MAX_SCORE, AnswerInput, Panel, Report, grade
from vivavoce.graders.scoring import probabilities
from vivavoce.graders.scoring.coefficients import SIGNALS
from vivavoce.graders.scoring.confidence import CONFIDENT_SHARE, WITHIN_POINTS, ReviewPolicy
from vivavoce.rubrics import Rubric

from . import agreement, review_policies
from .errors import EvaluationError
from .fitting import Example, levels_of
from .graded_answers import balanced_sample, read_rows, rubric_from_reference

MACHINE_ROWS = ("rouge", "embedding", "judge", "combined", "mean")
_INTERVALS = ("pearson", "wrmse", "qwk")
_BATCH = 4
_FINEST_SCALE = 11

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Case:
    """An answer with its scores, all of them shares of the maximum (0 to 1).

    `scores` has one for each row but the mean's, `likely` the ends of the combined one's range; `raters` are the single
    people's, where there are several.
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
    """What came of a data set: its cases, what coefficients can be fitted to, and how many answers have no score."""

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

    Raises UnreadableGrades for a file that cannot be read, EvaluationError for a rubric that is none or a judge that
    answers nobody.
    """
    rows = read_rows(path)
    if limit is not None:
        rows = balanced_sample(rows, limit=limit, seed=seed)
    name = path.name.split(".")[0]
    by_question: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_question[row["question_id"]].append(row)
    cases: list[Case] = []
    examples: list[Example] = []
    done = 0
    for question, group in by_question.items():
        rubric = rubric_of(group[0], path)
        for batch in (group[start : start + _BATCH] for start in range(0, len(group), _BATCH)):
            reports = grade([AnswerInput(row["answer"]) for row in batch], rubric, panel)
            if any(report.judge_unavailable for report in reports):
                raise EvaluationError("The judge answers nobody: mend that, then run the same command to go on.")
            scored = [(row, report) for row, report in zip(batch, reports, strict=True) if report.score is not None]
            cases += [_case(name, question, row, rubric, report, panel) for row, report in scored]
            examples += [_example(name, question, row, rubric, report) for row, report in scored]
            done += len(batch)
            on_progress(done, len(rows))
    return Graded(tuple(cases), tuple(examples), unscored=len(rows) - len(cases))


def measure_agreement(
    cases: Sequence[Case], *, seed: int, review: ReviewPolicy | None = None, intervals: bool = True
) -> dict[str, Any]:
    """All figures of some cases, as `--json` writes them; `review` says what hangs on which mark."""
    human = np.array([case.human for case in cases])
    questions = [(case.dataset, case.question) for case in cases]
    levels = levels_in(human)
    columns: dict[str, npt.NDArray[np.float64]] = {
        name: np.array([case.scores[name] for case in cases]) for name in MACHINE_ROWS if name != "mean"
    }
    columns["mean"] = np.full(len(cases), human.mean() if len(cases) else 0.0)
    rows: dict[str, Figures | None] = {
        name: figures_of(human, machine, questions, levels=levels) for name, machine in columns.items()
    }
    rows["human"] = _people(cases, levels=levels)
    languages = sorted({case.language for case in cases})
    found: dict[str, Any] = {
        "n": len(cases),
        "lang": languages[0] if len(languages) == 1 else "+".join(languages),
        "rows": rows,
        "review": _review(cases),
        "policies": review_policies.compare(
            human,
            columns["combined"],
            np.array([case.confidence for case in cases]),
            review=review or ReviewPolicy(),
        ),
    }
    if intervals:
        found["intervals"] = {
            name: {figure: _interval(human, machine, figure, levels=levels, seed=seed) for figure in _INTERVALS}
            for name, machine in columns.items()
            if name != "mean"
        }
    return found


def average_sets(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Figures]:
    """Each row's figures averaged over the sets, every set counting the same; undefined where any set's is."""
    found: dict[str, Figures] = {}
    for row in MACHINE_ROWS:
        each = [figures["rows"][row] for figures in sets.values()]
        found[row] = {name: _mean([figures[name] for figures in each]) for name in each[0]}
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return fmean(defined) if len(defined) == len(values) else None


def rubric_of(row: Mapping[str, Any], path: Path) -> Rubric:
    """The rubric of a row of a file, or one made from its reference; raises EvaluationError for one that is none."""
    if not row.get("rubric"):
        return rubric_from_reference(row)
    try:
        return Rubric.model_validate(row["rubric"])
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EvaluationError(f"{path}, answer {row['id']}: its rubric is none ({place}: {first['msg']}).") from None


def _case(dataset: str, question: str, row: Mapping[str, Any], rubric: Rubric, report: Report, panel: Panel) -> Case:
    assert report.score is not None
    levels = {criterion.id: criterion.signals for criterion in report.criteria if criterion.signals}
    # An answer that was settled by a fact has no signals, and no signal gives it anything.
    alone = {
        name: probabilities.score_from_signal(rubric, levels, panel.coefficients, name) / MAX_SCORE if levels else 0.0
        for name in SIGNALS
    }
    return Case(
        dataset=dataset,
        question=question,
        language=row["lang"],
        human=row["score"] / row["max_score"],
        scores={**alone, "combined": report.score / MAX_SCORE},
        likely=(report.score_min / MAX_SCORE, report.score_max / MAX_SCORE),
        confidence=report.confidence,
        needs_review=report.needs_review,
        raters=tuple(score / row["max_score"] for score in row.get("raters") or ()),
    )


def _example(dataset: str, question: str, row: Mapping[str, Any], rubric: Rubric, report: Report) -> Example:
    return Example(
        dataset=dataset,
        question=question,
        language=rubric.question.language,
        answer=row["id"],
        known=row["score"] / row["max_score"],
        levels=tuple(level for result in report.criteria for level in levels_of(rubric, result.id, result.signals)),
    )


def figures_of(
    human: npt.NDArray[np.float64], machine: npt.NDArray[np.float64], questions: Sequence[Hashable], *, levels: int
) -> Figures:
    """All figures of a machine's scores beside people's, on a scale of `levels` steps."""
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


def _people(cases: Sequence[Case], *, levels: int) -> Figures | None:
    """How well one person's grade agrees with another's on the same answer: every pair of raters, both ways round."""
    pairs = [
        (first, second, (case.dataset, case.question))
        for case in cases
        for first, second in itertools.permutations(case.raters, 2)
    ]
    if not pairs:
        return None
    first, second, questions = zip(*pairs, strict=True)
    return figures_of(np.array(first), np.array(second), questions, levels=levels)


def _review(cases: Sequence[Case]) -> Figures:
    """What sending doubtful answers to people does to the error of the rest, and what confidence is worth."""
    human = np.array([case.human for case in cases])
    machine = np.array([case.scores["combined"] for case in cases])
    confidence = np.array([case.confidence for case in cases])
    kept = np.array([not case.needs_review for case in cases], dtype=bool)
    # Grades and scores have few decimals; one at the very end of what is near is near.
    near = (np.abs(human - machine) <= WITHIN_POINTS / MAX_SCORE + 1e-6).astype(float)
    in_range = [case.likely[0] - 1e-6 <= case.human <= case.likely[1] + 1e-6 for case in cases]
    return {
        "share": float(1 - kept.mean()) if len(cases) else None,
        "rmse_all": agreement.rmse(human, machine),
        "rmse_kept": agreement.rmse(human[kept], machine[kept]),
        "rmse_confident": agreement.rmse_of_most_confident(human, machine, confidence, share=CONFIDENT_SHARE),
        "confidence_ece": agreement.calibration_error(confidence, near),
        "in_range": fmean(in_range) if cases else None,
    }


def _interval(
    human: npt.NDArray[np.float64], machine: npt.NDArray[np.float64], figure: str, *, levels: int, seed: int
) -> list[float] | None:
    def of(drawn: npt.NDArray[np.intp]) -> float | None:
        if figure == "pearson":
            return agreement.pearson(human[drawn], machine[drawn])
        if figure == "wrmse":
            return agreement.weighted_rmse(human[drawn], machine[drawn])
        return agreement.quadratic_weighted_kappa(human[drawn], machine[drawn], levels=levels)

    found = agreement.bootstrap(of, len(human), seed=seed)
    return [found.low, found.high] if found else None


def levels_in(human: npt.NDArray[np.float64]) -> int:
    """The coarsest scale of equal steps on which all these grades lie, of at most eleven levels."""
    for levels in range(2, _FINEST_SCALE):
        steps = human * (levels - 1)
        if np.allclose(steps, np.rint(steps), atol=1e-6):
            return levels
    return _FINEST_SCALE
