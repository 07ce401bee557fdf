"""Builds the part of a report on one criterion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vivavoce.rubrics import Criterion, ExpectedPoint, Rubric

from ..judge.types import AnswerVerdicts
from ..reading.chinese_script import HAN
from ..scoring.probabilities import mean_and_variance
from ..signals.collect import PointSignals, Signals
from ..types import CriterionResult, Evidence, LevelVerdict, PointResult
from . import feedback

# Probability from which a criterion counts as reached at all.
_MIN_REACHED = 0.5
# Term recall above which a passage counts as near a point.
_MIN_RECALL = 0.3
# Chinese is written without blanks between words.
_BLANK_IN_CHINESE = re.compile(rf"(?<=[{HAN}，。！？；：、])\s(?=[{HAN}])")


def build_judged_criterion(
    criterion: Criterion,
    probabilities: tuple[float, ...],
    signals: Signals,
    rubric: Rubric,
    language: feedback.FeedbackLanguage,
    context: Sequence[Evidence] = (),
) -> CriterionResult:
    """The result of a criterion that has a verdict; its evidence lists the judge's quotes before nearest passages.

    `context` are the parts of a transcript that are not the candidate's words.
    """
    points = tuple(
        _build_point(point, signals.points[point.id], probabilities)
        for point in rubric.points_expected_for(criterion.id)
    )
    nearest = [point.evidence for point in points if point.evidence]
    # Two points may have the same passage; it is listed once.
    evidence = tuple(dict.fromkeys([*signals.quotes[criterion.id], *nearest]))
    judge_reason = find_judge_reason(signals.verdicts.levels[criterion.id])
    return CriterionResult(
        **build_criterion_fields(
            criterion, probabilities, evidence, judge_reason=judge_reason, language=language, context=context
        ),
        evidence=evidence,
        expected_points=points,
        votes=signals.verdicts.votes.get(criterion.id, ()),
        signals=signals.levels[criterion.id],
    )


def build_unjudged_criterion(
    criterion: Criterion, verdicts: AnswerVerdicts, language: feedback.FeedbackLanguage
) -> CriterionResult:
    """The result of a criterion without a verdict: no level, no points, and the failure as its reason."""
    failure = verdicts.failures[criterion.id]
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        kind=criterion.kind,
        max_points=float(criterion.points),
        level=None,
        points=None,
        probabilities=None,
        reason=feedback.explain_failure(language=language, cause=str(failure)),
        votes=verdicts.votes.get(criterion.id, ()),
        unscored_reason=failure.reason,
    )


def build_criterion_fields(
    criterion: Criterion,
    probabilities: tuple[float, ...],
    evidence: Sequence[Evidence],
    *,
    judge_reason: str | None,
    language: feedback.FeedbackLanguage,
    context: Sequence[Evidence] = (),
) -> dict[str, Any]:
    """The fields of a criterion's result that follow from the probabilities of its levels, rounded."""
    earned, _ = mean_and_variance([level.points for level in criterion.levels], probabilities)
    # A gate has no points to take a share of.
    share = probabilities[-1] if criterion.points == 0 else earned / criterion.points
    return {
        "id": criterion.id,
        "title": criterion.title,
        "kind": criterion.kind,
        "max_points": float(criterion.points),
        # Of equally probable levels, the lowest.
        "level": max(range(len(probabilities)), key=probabilities.__getitem__),
        "points": round(earned, 3),
        "probabilities": tuple(round(chance, 4) for chance in probabilities),
        "reason": feedback.explain_criterion(
            language=language,
            kind=criterion.kind,
            share=share,
            quote=_write_quote(evidence[0], context) if evidence else None,
            judge_reason=judge_reason,
        ),
    }


def _write_quote(evidence: Evidence, context: Sequence[Evidence]) -> str:
    """A quote without the time stamps and labels of a transcript that stand within it."""
    within = sorted(
        (part.start, part.end) for part in context if evidence.start < part.end and part.start < evidence.end
    )
    if not within:
        return evidence.quote
    said, done = [], evidence.start
    for start, end in [*within, (evidence.end, evidence.end)]:
        said.append(evidence.quote[done - evidence.start : max(start, done) - evidence.start])
        done = max(done, end)
    return _BLANK_IN_CHINESE.sub("", " ".join(" ".join(said).split()))


def find_judge_reason(verdicts: Sequence[LevelVerdict]) -> str | None:
    """The judge's reason for the highest level that has one."""
    return next((verdict.reason for verdict in reversed(verdicts) if verdict.reason), None)


def _build_point(point: ExpectedPoint, signals: PointSignals, probabilities: Sequence[float]) -> PointResult:
    """A point is found if its criterion is probably reached at all and a passage comes near to it."""
    is_near = signals.similarity_gain > 0 or signals.term_recall > _MIN_RECALL
    is_found = is_near and 1 - probabilities[0] >= _MIN_REACHED
    return PointResult(
        id=point.id,
        text=point.text,
        importance=point.importance,
        found=is_found,
        evidence=signals.nearest if is_found else None,
    )
