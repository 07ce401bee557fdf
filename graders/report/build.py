"""Builds the report on an answer: from the signals, or from a fact that settles its score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from vivavoce.rubrics import Criterion, Rubric, content_hash

from ..errors import JudgeFailure
from ..judge.types import AnswerVerdicts
from ..judge.voting import split_criteria
from ..panel import Panel
from ..reading.screened_answer import ScreenedAnswer
from ..scoring.coefficients import CombinerWeights
from ..scoring.confidence import ReviewPolicy
from ..scoring.summary import Summary, summarise
from ..signals.collect import Signals
from ..types import MAX_SCORE, CriterionResult, Flag, Provenance, Report
from . import feedback
from .answer_key import names_for_candidates
from .criteria import build_judged_criterion, build_unjudged_criterion

# Off topic: no sentence comes nearer to an expected point than the question does, no content word is shared, and the
# judge finds next to nothing.
_OFF_TOPIC_GAIN = 0.0
_OFF_TOPIC_SHARE = 0.25


def build_report(answer: ScreenedAnswer, signals: Signals, rubric: Rubric, panel: Panel) -> Report:
    """The report on an answer that the judge was asked about; a failed criterion leaves the score open."""
    figures = summarise(rubric, signals.levels, panel.coefficients)
    failure = first_failure(signals.verdicts.failures.values())
    weights = panel.coefficients.for_question(rubric.question.id)
    if failure is None and _is_off_topic(signals, figures.score, weights):
        return build_settled_report(answer, rubric, panel, Flag.OFF_TOPIC, signals=signals, figures=figures)
    review = panel.review.now()
    doubts = figures.list_flags(review)
    if failure is None:
        panel.review.note(figures.confidence, is_low=Flag.LOW_CONFIDENCE in doubts)
    flags = {*answer.screening.flags, *doubts}
    if split_criteria(signals.verdicts.votes):
        flags.add(Flag.JUDGES_DISAGREE)
    if signals.verdicts.escaped_markers:
        flags.add(Flag.INJECTION_SUSPECTED)
    language = answer.language(rubric)
    criteria = tuple(
        build_judged_criterion(criterion, figures.probabilities[criterion.id], signals, rubric, language)
        if criterion.id in signals.levels
        else build_unjudged_criterion(criterion, signals.verdicts, language)
        for criterion in rubric.criteria
    )
    return Report(
        **figure_fields(figures, failed=failure is not None),
        needs_review=needs_person(flags, settled=False, failed=failure is not None),
        flags=sort_flags(flags),
        criteria=criteria,
        signals=_name_signals(signals, figures),
        feedback=feedback.compose(
            criteria,
            language=language,
            settled=None,
            masked_quotes=[place.quote for place in answer.unread["masked"]],
            names=names_for_candidates(rubric, language),
        ),
        provenance=_build_provenance(answer, rubric, panel, signals.verdicts, review),
        masked=answer.unread["masked"],
        filler=answer.unread["filler"],
        unrelated=answer.unread["unrelated"],
        repeated=answer.unread["repeated"],
        unscored_reason=failure.reason if failure else None,
        unscored_detail=failure.detail if failure else None,
        judge_unavailable=failure is not None and failure.unavailable,
    )


def build_settled_report(
    answer: ScreenedAnswer,
    rubric: Rubric,
    panel: Panel,
    fact: Flag,
    *,
    signals: Signals | None = None,
    figures: Summary | None = None,
) -> Report:
    """The report on an answer whose score a fact settles at 0.

    `off_topic` is found by the models: it comes with their `signals` and `figures`, and with the confidence that they
    give. All other facts are certain.
    """
    confidence = figures.confidence_in_nothing if figures else 1.0
    panel.review.note(confidence, is_low=False)
    flags = sort_flags({*answer.screening.flags, fact})
    verdicts = signals.verdicts if signals else None
    words = feedback.compose(
        (),
        language=answer.language(rubric),
        settled=fact,
        masked_quotes=[place.quote for place in answer.unread["masked"]],
        names={},
    )
    return Report(
        score=0.0,
        score_min=0.0,
        score_max=0.0,
        coverage=1.0,
        confidence=round(confidence, 3),
        contributions={},
        needs_review=needs_person(flags, settled=True, failed=False),
        flags=flags,
        criteria=tuple(_settle_criterion(criterion, words.candidate, verdicts) for criterion in rubric.criteria),
        signals=_name_signals(signals, figures) if signals and figures else {},
        feedback=words,
        provenance=_build_provenance(answer, rubric, panel, verdicts, panel.review.now()),
        masked=answer.unread["masked"],
        filler=answer.unread["filler"],
        unrelated=answer.unread["unrelated"],
        repeated=answer.unread["repeated"],
    )


def first_failure(failures: Iterable[JudgeFailure]) -> JudgeFailure | None:
    """The failure that a report tells: one that a retry may fix comes first, so that the grading is retried."""
    return min(failures, key=lambda failure: (not failure.reason.retryable, not failure.unavailable), default=None)


def figure_fields(figures: Summary, *, failed: bool) -> dict[str, Any]:
    """The fields of a report that follow from its figures, rounded; without a score when a criterion has no verdict."""
    return {
        "score": None if failed else round(figures.score, 1),
        "score_min": round(figures.score_min, 1),
        "score_max": round(figures.score_max, 1),
        "coverage": round(figures.coverage, 3),
        "confidence": 0.0 if failed else round(figures.confidence, 3),
        "contributions": {} if failed else figures.contributions,
    }


def sort_flags(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Each flag once, in the order of `Flag`."""
    present = set(flags)
    return tuple(flag for flag in Flag if flag in present)


def needs_person(flags: Iterable[Flag], *, settled: bool, failed: bool) -> bool:
    """Whether a person has to review the report; a settled score needs fewer reviews."""
    if settled:
        return bool({Flag.INJECTION_SUSPECTED, Flag.OFF_TOPIC, Flag.RUBRIC_CHANGED} & set(flags))
    # Signals that disagree lower the confidence already.
    return failed or bool(set(flags) - {Flag.HIDDEN_CHARACTERS, Flag.SIGNALS_DISAGREE})


def _settle_criterion(criterion: Criterion, reason: str, verdicts: AnswerVerdicts | None) -> CriterionResult:
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        kind=criterion.kind,
        max_points=float(criterion.points),
        level=0,
        points=0.0,
        probabilities=(1.0,) + (0.0,) * (len(criterion.levels) - 1),
        reason=reason,
        votes=verdicts.votes.get(criterion.id, ()) if verdicts else (),
    )


def _is_off_topic(signals: Signals, score: float, weights: CombinerWeights) -> bool:
    points = signals.points.values()
    return (
        score <= MAX_SCORE * weights.merit.with_lapses(_OFF_TOPIC_SHARE)
        and max(point.similarity_gain for point in points) <= _OFF_TOPIC_GAIN
        and not signals.question_recall
        and not any(point.term_recall for point in points)
    )


def _name_signals(signals: Signals, figures: Summary) -> dict[str, float | None]:
    """The signals of the whole answer under the names of the wire format, shares of 0 to 1."""
    points = signals.points.values()
    return {
        "judge": round(figures.judge_score / MAX_SCORE, 4) if signals.verdicts.levels else None,
        "embedding": round(sum(point.similarity for point in points) / len(points), 4),
        "point_recall": round(sum(point.term_recall for point in points) / len(points), 4),
        "rouge1": round(signals.rouge.rouge1, 4),
        "rouge2": round(signals.rouge.rouge2, 4),
        "rougeL": round(signals.rouge.rouge_l, 4),
    }


def _build_provenance(
    answer: ScreenedAnswer,
    rubric: Rubric,
    panel: Panel,
    verdicts: AnswerVerdicts | None,
    review: ReviewPolicy,
) -> Provenance:
    calls = verdicts.calls if verdicts else ()
    return Provenance(
        **asdict(panel.identity(rubric)),
        rubric_hash=content_hash(rubric),
        answer_hash=answer.answer_hash,
        strictness=panel.coefficients.strictness(rubric.question.id),
        review_below=review.below,
        judge_calls=len(calls),
        cached_verdicts=verdicts.cached if verdicts else 0,
        tokens_in=sum(call.usage.tokens_in for call in calls),
        tokens_cached=sum(call.usage.tokens_cached for call in calls),
        tokens_out=sum(call.usage.tokens_out for call in calls),
        judge_seconds=round(sum(call.seconds for call in calls), 3),
        cost=sum(call.cost for call in calls),
    )
