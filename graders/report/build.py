"""Builds the report on an answer, from its signals or from a fact that settles its score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from vivavoce.rubrics import Criterion, Rubric, content_hash

from ..errors import JudgeFailure
from ..judge.types import AnswerVerdicts
from ..judge.voting import split_criteria
from ..panel import Panel
from ..reading.reading_limit import exceeds_limits
from ..reading.screened_answer import ScreenedAnswer
from ..scoring.coefficients import CombinerWeights
from ..scoring.confidence import ReviewPolicy, doubt_masked, raise_upper_end
from ..scoring.summary import Summary, compute_summary
from ..signals.collect import Signals
from ..types import MAX_SCORE, OPEN_FACTS, CriterionResult, Feedback, Flag, Provenance, Report
from . import feedback
from .answer_key import names_for_candidates
from .criteria import build_judged_criterion, build_unjudged_criterion

# Off topic: nothing nearer than the question, nearly no points.
_OFF_TOPIC_GAIN = 0.0
_OFF_TOPIC_SHARE = 0.25


def build_report(answer: ScreenedAnswer, signals: Signals, rubric: Rubric, panel: Panel) -> Report:
    """The report on an answer that was judged; if a criterion has no verdict, the score is None."""
    masked_share = answer.screening.masked_share
    figures = compute_summary(rubric, signals.levels, panel.coefficients, masked_share=masked_share)
    failure = first_failure(signals.verdicts.failures.values())
    weights = panel.coefficients.for_question(rubric.question.id)
    if failure is None and _is_off_topic(signals, figures.score, weights):
        return build_settled_report(answer, rubric, panel, Flag.OFF_TOPIC, signals=signals, figures=figures)
    review = panel.review.now()
    doubts = figures.list_flags(review)
    # An open score, or one that a person sees anyway, must not move a review share.
    if failure is None and not masked_share:
        panel.review.note(figures.confidence, is_low=Flag.LOW_CONFIDENCE in doubts)
    flags = _collect_flags(answer, rubric, signals.verdicts, doubts)
    criteria = _build_criteria(answer, signals, figures, rubric)
    return Report(
        **build_figure_fields(figures, rubric, failed=failure is not None),
        **_list_unread(answer),
        needs_review=needs_person(flags, settled=False, failed=failure is not None),
        flags=sort_flags(flags),
        criteria=criteria,
        signals=_name_signals(signals, figures),
        feedback=_compose_feedback(answer, criteria, rubric, settled=None),
        provenance=_build_provenance(answer, rubric, panel, signals.verdicts, review),
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
    """The report on an answer whose score a fact settles at 0, or leaves open.

    `off_topic` is an estimate of the models: it comes with their `signals` and `figures`, and its confidence is theirs.
    A score that is left open may be 0 to 10 and has a confidence of 0. All other facts are certain and have one of 1,
    unless a part of the answer was masked.
    """
    masked_share = answer.screening.masked_share
    is_open = fact in OPEN_FACTS
    certainty = 0.0 if is_open else doubt_masked(1.0, masked_share)
    confidence = figures.confidence_in_nothing if figures else certainty
    # An open score, or one that a person sees anyway, must not move a review share.
    if not is_open and not masked_share:
        panel.review.note(confidence, is_low=False)
    partly_read = [Flag.PARTLY_READ] if signals and exceeds_limits(rubric) else []
    flags = sort_flags({*answer.screening.flags, *partly_read, fact})
    verdicts = signals.verdicts if signals else None
    reason = feedback.explain_fact(language=answer.language(rubric), fact=fact, of_rest=bool(masked_share))
    return Report(
        **_list_unread(answer),
        score=0.0,
        points=0.0,
        max_points=rubric.max_points,
        score_min=0.0,
        score_max=MAX_SCORE if is_open else round(raise_upper_end(0.0, masked_share), 1),
        coverage=0.0 if is_open else 1.0,
        confidence=round(confidence, 3),
        contributions={},
        needs_review=needs_person(flags, settled=True, failed=False),
        flags=flags,
        criteria=tuple(
            _settle_criterion(criterion, reason, verdicts, is_open=is_open) for criterion in rubric.criteria
        ),
        signals=_name_signals(signals, figures) if signals and figures else {},
        feedback=_compose_feedback(answer, (), rubric, settled=fact),
        provenance=_build_provenance(answer, rubric, panel, verdicts, panel.review.now()),
    )


def build_failed_report(answer: ScreenedAnswer, rubric: Rubric, panel: Panel, failure: JudgeFailure) -> Report:
    """The report on an answer that could not be graded: every criterion is open, and the failure is the reason."""
    figures = compute_summary(rubric, {}, panel.coefficients)
    unjudged = AnswerVerdicts(levels={}, failures={criterion.id: failure for criterion in rubric.criteria})
    language = answer.language(rubric)
    criteria = tuple(build_unjudged_criterion(criterion, unjudged, language) for criterion in rubric.criteria)
    return Report(
        **build_figure_fields(figures, rubric, failed=True),
        **_list_unread(answer),
        needs_review=True,
        flags=sort_flags(answer.screening.flags),
        criteria=criteria,
        signals={},
        feedback=_compose_feedback(answer, criteria, rubric, settled=None),
        provenance=_build_provenance(answer, rubric, panel, None, panel.review.now()),
        unscored_reason=failure.reason,
        unscored_detail=failure.detail,
    )


def first_failure(failures: Iterable[JudgeFailure]) -> JudgeFailure | None:
    """The failure that a report names; a retryable one comes first, so that the grading is retried."""
    return min(failures, key=lambda failure: (not failure.reason.retryable, not failure.unavailable), default=None)


def build_figure_fields(figures: Summary, rubric: Rubric, *, failed: bool) -> dict[str, Any]:
    """The fields of a report that follow from its figures, rounded.

    `failed` leaves out score, points and confidence.
    """
    return {
        "score": None if failed else round(figures.score, 1),
        "points": None if failed else round(figures.score / MAX_SCORE * rubric.max_points, 2),
        "max_points": rubric.max_points,
        "score_min": round(figures.score_min, 1),
        "score_max": round(figures.score_max, 1),
        "coverage": round(figures.coverage, 3),
        "confidence": 0.0 if failed else round(figures.confidence, 3),
        "contributions": {} if failed else figures.contributions,
    }


def sort_flags(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """The flags without duplicates, in the order of `Flag`."""
    present = set(flags)
    return tuple(flag for flag in Flag if flag in present)


def needs_person(flags: Iterable[Flag], *, settled: bool, failed: bool) -> bool:
    """Whether a person has to review the report; fewer flags call for it if the score is settled."""
    if settled:
        return bool({Flag.OFF_TOPIC, Flag.PARTLY_READ, Flag.RUBRIC_CHANGED, *OPEN_FACTS} & set(flags))
    # Signals that disagree lower the confidence already.
    return failed or bool(set(flags) - {Flag.HIDDEN_CHARACTERS, Flag.SIGNALS_DISAGREE})


def _collect_flags(
    answer: ScreenedAnswer, rubric: Rubric, verdicts: AnswerVerdicts, doubts: Iterable[Flag]
) -> set[Flag]:
    flags = {*answer.screening.flags, *doubts}
    if exceeds_limits(rubric):
        flags.add(Flag.PARTLY_READ)
    if split_criteria(verdicts.votes):
        flags.add(Flag.JUDGES_DISAGREE)
    # Honest answers do not contain the delimiters of our prompts.
    if verdicts.escaped_markers:
        flags.add(Flag.INJECTION_SUSPECTED)
    return flags


def _build_criteria(
    answer: ScreenedAnswer, signals: Signals, figures: Summary, rubric: Rubric
) -> tuple[CriterionResult, ...]:
    language = answer.language(rubric)
    return tuple(
        build_judged_criterion(
            criterion, figures.probabilities[criterion.id], signals, rubric, language, answer.unread["context"]
        )
        if criterion.id in signals.levels
        else build_unjudged_criterion(criterion, signals.verdicts, language)
        for criterion in rubric.criteria
    )


def _compose_feedback(
    answer: ScreenedAnswer, criteria: tuple[CriterionResult, ...], rubric: Rubric, *, settled: Flag | None
) -> Feedback:
    language = answer.language(rubric)
    return feedback.compose_feedback(
        criteria,
        language=language,
        settled=settled,
        masked_quotes=[passage.quote for passage in answer.unread["masked"]],
        names={} if settled else names_for_candidates(rubric, language),
    )


def _list_unread(answer: ScreenedAnswer) -> dict[str, Any]:
    """The fields of a report on the passages that no model reads."""
    return {**answer.unread, "masked_share": answer.screening.masked_share}


def _settle_criterion(
    criterion: Criterion, reason: str, verdicts: AnswerVerdicts | None, *, is_open: bool
) -> CriterionResult:
    """The result of a criterion at its lowest level, which for a mistake means that it was not made, or an open one."""
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        kind=criterion.kind,
        max_points=float(criterion.points),
        level=None if is_open else 0,
        points=None if is_open else 0.0,
        probabilities=None if is_open else (1.0,) + (0.0,) * (len(criterion.levels) - 1),
        reason=reason,
        votes=verdicts.votes.get(criterion.id, ()) if verdicts else (),
    )


def _is_off_topic(signals: Signals, score: float, weights: CombinerWeights) -> bool:
    """Whether judge, embeddings and word overlap all find that the answer is about something else."""
    points = signals.points.values()
    return (
        # With lapses, even the surest "no" leaves some points.
        score <= MAX_SCORE * weights.merit.with_lapses(_OFF_TOPIC_SHARE)
        and max(point.similarity_gain for point in points) <= _OFF_TOPIC_GAIN
        and not signals.question_recall
        and not any(point.term_recall for point in points)
    )


def _name_signals(signals: Signals, figures: Summary) -> dict[str, float | None]:
    """The signals of the whole answer by their names in the wire format, as shares of 0 to 1."""
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
