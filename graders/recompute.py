"""A report by another version of its rubric, where the verdicts stay what they are: arithmetic, and no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from vivavoce.rubrics import Edit, Effect, Rubric, content_hash

from . import feedback
from .assembly import standing
from .combine import Coefficients, default_coefficients
from .summary import Summary, summarise
from .types import CriterionResult, EarlierScore, Flag, Report

_SETTLED = (Flag.EMPTY, Flag.NON_ANSWER, Flag.COPIED_QUESTION, Flag.OFF_TOPIC)
_FROM_FIGURES = (Flag.SIGNALS_DISAGREE, Flag.LOW_CONFIDENCE)


def read_report(document: Mapping[str, Any]) -> Report:
    """A report from its wire form; raises pydantic.ValidationError when it is none."""
    return _adapter().validate_python(document)


def recompute(report: Report, rubric: Rubric, edit: Edit, *, coefficients: Coefficients | None = None) -> Report | None:
    """The report by a rubric whose edit leaves the verdicts as they are; `coefficients` default to the shipped ones.

    None when arithmetic cannot tell: the edit makes grades stale, other coefficients weigh the signals now, or the
    report is older than the record of its signals. A report settled by a fact about the answer stays at 0.
    """
    coefficients = coefficients or default_coefficients()
    if edit.effect is Effect.STALE:
        return None
    earlier = EarlierScore(report.provenance.rubric_hash, report.score)
    provenance = replace(
        report.provenance,
        rubric_hash=content_hash(rubric),
        recomputed_from=(*report.provenance.recomputed_from, earlier),
    )
    recorded = {result.id: result for result in report.criteria}
    settled = next((flag for flag in _SETTLED if flag in report.flags), None)
    if settled:
        criteria = tuple(
            replace(recorded[c.id], title=c.title, kind=c.kind, max_points=float(c.points)) for c in rubric.criteria
        )
        return replace(report, criteria=criteria, provenance=provenance)
    if provenance.combiner_version != coefficients.version or not _has_signals(report):
        return None
    levels = {c.id: recorded[c.id].signals for c in rubric.criteria if recorded[c.id].signals}
    figures = summarise(rubric, levels, coefficients)
    language = report.feedback.language
    criteria = tuple(_restated(rubric, index, recorded, figures, language) for index in range(len(rubric.criteria)))
    kept = [flag for flag in report.flags if flag not in _FROM_FIGURES]
    flags = (*kept, *figures.doubts(review_below=provenance.review_below))
    masked_quotes = [item.quote for item in report.masked]
    unscored = report.unscored_reason is not None and len(levels) < len(rubric.criteria)
    return replace(
        report,
        score=None if unscored else round(figures.score, 1),
        score_min=round(figures.score_min, 1),
        score_max=round(figures.score_max, 1),
        coverage=round(figures.coverage, 3),
        confidence=0.0 if unscored else round(figures.confidence, 3),
        needs_review=unscored or bool(set(flags) - {Flag.HIDDEN_CHARACTERS}),
        flags=flags,
        criteria=criteria,
        contributions={} if unscored else figures.contributions,
        feedback=feedback.compose(criteria, language=language, settled=None, masked_quotes=masked_quotes),
        provenance=provenance,
        unscored_reason=report.unscored_reason if unscored else None,
        unscored_detail=report.unscored_detail if unscored else None,
    )


def mark_stale(report: Report) -> Report:
    """The report with the flag that its rubric was changed in a way that only a new judgement can follow."""
    if Flag.RUBRIC_CHANGED in report.flags:
        return report
    return replace(report, flags=(*report.flags, Flag.RUBRIC_CHANGED), needs_review=True)


def _has_signals(report: Report) -> bool:
    return all(result.signals or result.unscored_reason for result in report.criteria)


def _restated(
    rubric: Rubric,
    index: int,
    recorded: Mapping[str, CriterionResult],
    figures: Summary,
    language: feedback.FeedbackLanguage,
) -> CriterionResult:
    criterion = rubric.criteria[index]
    result = recorded[criterion.id]
    if criterion.id not in figures.probabilities:
        return replace(result, title=criterion.title, max_points=float(criterion.points))
    reasons = [verdict.reason for vote in result.votes for verdict in vote.verdicts if verdict.reason]
    fields = standing(
        criterion,
        figures.probabilities[criterion.id],
        result.evidence,
        said=reasons[-1] if reasons else None,
        language=language,
    )
    return replace(result, **fields)


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)
