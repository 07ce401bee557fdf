"""The analysis of a cohort's questions and criteria, from the machine's scores and people's decisions on them.

Classical item analysis: difficulty is the mean as a share of the maximum, the item-rest correlation that between an
item and the rest of what the same candidate, or answer, earned (Lord and Novick 1968, "Statistical Theories of Mental
Test Scores"). Scores that are open or failed are abstentions, never 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from sqlalchemy.orm import Session

from vivavoce.graders.flags import is_open
from vivavoce.graders.types import MAX_SCORE

from ..cohorts.outcomes import ItemResult, Outcome, stream_results
from .criteria import CriterionData, CriterionFigures, summarise_criteria
from .statistics import Figure, correlate, mean_with_interval, weighted_kappa

# Grades of people are in steps of .1 as scores are.
_SAME_SCORE = 0.05


@dataclass(frozen=True)
class Agreement:
    """How the machine's scores agree with people's grades of the same answers.

    `difference` is the mean of machine minus person, in points of 10.
    """

    n: int
    overrides: int
    kappa: Figure
    pearson: Figure
    difference: Figure


@dataclass(frozen=True)
class QuestionFigures:
    """The figures of a question: `n` answers, of which `scored` have a score of the machine; scores are 0 to 10."""

    question_id: str
    n: int
    scored: int
    abstentions: Mapping[str, int]
    mean: Figure
    difficulty: Figure
    item_rest: Figure
    agreement: Agreement
    criteria: Sequence[CriterionFigures]


@dataclass
class _QuestionData:
    n: int = 0
    scores: list[float] = field(default_factory=list)
    by_candidate: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    pairs: list[tuple[float, float]] = field(default_factory=list)
    abstentions: Counter[str] = field(default_factory=Counter)
    criteria: dict[str, CriterionData] = field(default_factory=dict)

    def add(self, result: ItemResult) -> None:
        self.n += 1
        report = result.report or {}
        score = _read_score(report)
        if score is None:
            self.abstentions[_explain_abstention(result)] += 1
        else:
            self.scores.append(score)
            if result.candidate is not None:
                self.by_candidate[result.candidate].append(score)
            if result.review is not None and result.review.score is not None:
                self.pairs.append((score, result.review.score))
        levels: Mapping[str, Any] = result.review.levels if result.review is not None else {}
        for criterion in report.get("criteria", ()):
            data = self.criteria.setdefault(criterion["id"], CriterionData(criterion["id"], criterion["kind"]))
            data.add(criterion, report["criteria"], levels.get(criterion["id"]))


def analyse_questions(session: Session, cohort_id: str) -> list[QuestionFigures]:
    """Returns the figures of every question of a cohort, by its id."""
    questions: dict[str, _QuestionData] = defaultdict(_QuestionData)
    with closing(stream_results(session, cohort_id)) as results:
        for result in results:
            questions[result.question_id].add(result)
    means = {
        question_id: {name: fmean(scores) for name, scores in data.by_candidate.items()}
        for question_id, data in questions.items()
    }
    return [_summarise(question_id, data, means) for question_id, data in sorted(questions.items())]


def _summarise(question_id: str, data: _QuestionData, means: Mapping[str, Mapping[str, float]]) -> QuestionFigures:
    mean = mean_with_interval(data.scores)
    return QuestionFigures(
        question_id=question_id,
        n=data.n,
        scored=len(data.scores),
        abstentions=dict(sorted(data.abstentions.items())),
        mean=mean,
        difficulty=_scale(mean),
        item_rest=_correlate_with_rest(question_id, means),
        agreement=_compare(data.pairs),
        criteria=summarise_criteria(data.criteria.values()),
    )


def _correlate_with_rest(question_id: str, means: Mapping[str, Mapping[str, float]]) -> Figure:
    """Pearson's correlation between a question's score and the mean score of the candidate's other questions."""
    pairs = []
    for candidate, score in means[question_id].items():
        others = [found[candidate] for other, found in means.items() if other != question_id and candidate in found]
        if others:
            pairs.append((score, fmean(others)))
    if not pairs:
        return Figure(None, undefined="no_other_question")
    return correlate([own for own, _ in pairs], [rest for _, rest in pairs])


def _compare(pairs: Sequence[tuple[float, float]]) -> Agreement:
    machine, human = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Agreement(
        n=len(pairs),
        overrides=sum(abs(score - grade) >= _SAME_SCORE for score, grade in pairs),
        kappa=weighted_kappa(_to_whole(machine), _to_whole(human)),
        pearson=correlate(machine, human),
        difference=mean_with_interval([score - grade for score, grade in pairs]),
    )


def _to_whole(scores: Iterable[float]) -> list[int]:
    # Halves go up, as people round, and not to even numbers.
    return [int(score + 0.5 + 1e-9) for score in scores]


def _read_score(report: Mapping[str, Any]) -> float | None:
    """The machine's score; None if there is none, or if a person has to give it."""
    score = report.get("score")
    if score is None or is_open(score=score, coverage=report["coverage"], flags=report["flags"]):
        return None
    return float(score)


def _explain_abstention(result: ItemResult) -> str:
    if result.outcome is Outcome.NEEDS_REVIEW:
        return "open"
    return "failed" if result.outcome is Outcome.FAILED else "not_graded"


def _scale(mean: Figure) -> Figure:
    """A mean score as a share of the maximum."""
    return Figure(_take_share(mean.value), _take_share(mean.low), _take_share(mean.high), mean.undefined)


def _take_share(score: float | None) -> float | None:
    return None if score is None else round(min(max(score / MAX_SCORE, 0.0), 1.0), 4)
