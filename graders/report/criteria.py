"""The part of a report on one criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vivavoce.rubrics import Criterion, Rubric

from ..judge.types import AnswerVerdicts
from ..reading.screened_answer import Reading
from ..scoring.probabilities import moments
from ..signals.collect import Signals
from ..signals.similarity import PointMatch
from ..types import CriterionResult, Evidence, LevelSignals, PointResult
from . import feedback

_POINT_FOUND = 0.5


def build_judged_criterion(
    criterion: Criterion,
    levels: Sequence[LevelSignals],
    probabilities: tuple[float, ...],
    reading: Reading,
    signals: Signals,
    rubric: Rubric,
) -> CriterionResult:
    points = tuple(
        PointResult(
            id=point.id,
            text=point.text,
            importance=point.importance,
            found=found,
            evidence=_nearest(reading, signals.matches[point.id]) if found else None,
        )
        for point in rubric.points_expected_for(criterion.id)
        for found in [_is_found(signals, point.id, probabilities)]
    )
    verdicts = signals.verdicts.levels[criterion.id]
    quoted = [piece for verdict in verdicts if verdict.span for piece in reading.evidence_in_sentences(verdict.span)]
    nearest = [point.evidence for point in points if point.evidence]
    evidence = tuple(dict.fromkeys([*quoted, *nearest]))
    said = next((verdict.reason for verdict in reversed(verdicts) if verdict.reason), None)
    return CriterionResult(
        **standing(criterion, probabilities, evidence, said=said, language=reading.language(rubric)),
        evidence=evidence,
        expected_points=points,
        votes=signals.verdicts.votes.get(criterion.id, ()),
        signals=tuple(levels),
    )


def standing(
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


def _is_found(signals: Signals, point_id: str, probabilities: Sequence[float]) -> bool:
    """A point counts as found when its criterion is likely reached at all and a sentence comes near it."""
    return 1 - probabilities[0] >= _POINT_FOUND and (
        signals.matches[point_id].lift > 0 or signals.recalls[point_id] > 0.3
    )


def _nearest(reading: Reading, match: PointMatch) -> Evidence:
    """The sentence, or pair of neighbours, of the best window."""
    sentences = reading.screening.sentences
    if match.window < len(sentences):
        return reading.evidence(sentences[match.window])
    first = match.window - len(sentences)
    return reading.evidence((sentences[first][0], sentences[first + 1][1]))
