"""The part of a report on one criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vivavoce.rubrics import Criterion, ExpectedPoint, Rubric

from ..judge.types import AnswerVerdicts
from ..scoring.probabilities import moments
from ..signals.collect import PointSignals, Signals
from ..types import CriterionResult, Evidence, PointResult
from . import feedback

_POINT_FOUND = 0.5
_POINT_RECALL = 0.3


def build_judged_criterion(
    criterion: Criterion,
    probabilities: tuple[float, ...],
    signals: Signals,
    rubric: Rubric,
    language: feedback.FeedbackLanguage,
) -> CriterionResult:
    """The result of a criterion that has a verdict; what the judge quoted comes before the nearest sentences."""
    points = tuple(
        _build_point(point, signals.points[point.id], probabilities)
        for point in rubric.points_expected_for(criterion.id)
    )
    nearest = [point.evidence for point in points if point.evidence]
    evidence = tuple(dict.fromkeys([*signals.quotes[criterion.id], *nearest]))
    verdicts = signals.verdicts.levels[criterion.id]
    judge_reason = next((verdict.reason for verdict in reversed(verdicts) if verdict.reason), None)
    return CriterionResult(
        **criterion_fields(criterion, probabilities, evidence, said=judge_reason, language=language),
        evidence=evidence,
        expected_points=points,
        votes=signals.verdicts.votes.get(criterion.id, ()),
        signals=signals.levels[criterion.id],
    )


def _build_point(point: ExpectedPoint, signals: PointSignals, probabilities: Sequence[float]) -> PointResult:
    """A point counts as found if its criterion is likely reached at all and a sentence comes near to it."""
    is_near = signals.similarity_gain > 0 or signals.term_recall > _POINT_RECALL
    is_found = is_near and 1 - probabilities[0] >= _POINT_FOUND
    return PointResult(
        id=point.id,
        text=point.text,
        importance=point.importance,
        found=is_found,
        evidence=signals.nearest if is_found else None,
    )


def criterion_fields(
    criterion: Criterion,
    probabilities: tuple[float, ...],
    evidence: Sequence[Evidence],
    *,
    said: str | None,
    language: feedback.FeedbackLanguage,
) -> dict[str, Any]:
    """The fields of a criterion's result that follow from the probabilities of its levels; `said` is the judge's."""
    earned, _ = moments([level.points for level in criterion.levels], probabilities)
    share = probabilities[-1] if criterion.points == 0 else earned / criterion.points
    return {
        "id": criterion.id,
        "title": criterion.title,
        "kind": criterion.kind,
        "max_points": float(criterion.points),
        "level": max(range(len(probabilities)), key=probabilities.__getitem__),
        "points": round(earned, 3),
        "probabilities": tuple(round(chance, 4) for chance in probabilities),
        "reason": feedback.reason(
            language=language,
            kind=criterion.kind,
            share=share,
            quote=evidence[0].quote if evidence else None,
            said=said,
        ),
    }


def build_unjudged_criterion(
    criterion: Criterion, verdicts: AnswerVerdicts, language: feedback.FeedbackLanguage
) -> CriterionResult:
    failure = verdicts.failures[criterion.id]
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        kind=criterion.kind,
        max_points=float(criterion.points),
        level=None,
        points=None,
        probabilities=None,
        reason=feedback.unscored_reason(language=language, why=str(failure)),
        votes=verdicts.votes.get(criterion.id, ()),
        unscored_reason=failure.reason,
    )
