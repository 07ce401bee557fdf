"""Putting a report together from what the graders found, or from a fact that settles the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from vivavoce.rubrics import Rubric, content_hash

from ..judge.types import AnswerVerdicts
from ..judge.voting import split_criteria
from ..panel import Panel
from ..reading.screened_answer import Reading
from ..scoring import coefficients
from ..scoring.confidence import ReviewPolicy
from ..scoring.summary import summarise
from ..signals.collect import Signals, level_signals
from ..types import MAX_SCORE, CriterionResult, Flag, Provenance, Report
from . import feedback
from .answer_key import names_for_candidates
from .criteria import build_judged_criterion, build_unjudged_criterion

# Off topic: no sentence comes nearer to any expected point than the question does, none of their telling words is used
# nor of the question's, and the judge found nothing either.
_OFF_TOPIC_LIFT = 0.0
_OFF_TOPIC_CHANCE = 0.25


def build_report(reading: Reading, signals: Signals, rubric: Rubric, panel: Panel) -> Report:
    """The report on an answer that was judged, as far as it could be."""
    language = reading.language(rubric)
    levels = {
        criterion.id: level_signals(criterion, rubric, signals)
        for criterion in rubric.criteria
        if criterion.id in signals.verdicts.levels
    }
    figures = summarise(rubric, levels, panel.coefficients)
    criteria = tuple(
        build_judged_criterion(
            criterion, levels[criterion.id], figures.probabilities[criterion.id], reading, signals, rubric
        )
        if criterion.id in levels
        else build_unjudged_criterion(criterion, signals.verdicts, language)
        for criterion in rubric.criteria
    )
    # What waiting may mend comes first: a report for good would hide that the rest can still be judged.
    by_hope = sorted(signals.verdicts.failures.values(), key=lambda found: (not found.reason.retryable, not found.away))
    failure = by_hope[0] if by_hope else None
    flags = list(reading.screening.flags)
    if failure is None and _is_off_topic(signals, figures.score, panel.coefficients.weighing(rubric.question.id)):
        flags.append(Flag.OFF_TOPIC)
        named = _named_signals(signals, judge_score=figures.judge_score)
        return build_settled_report(
            reading,
            rubric,
            panel,
            Flag.OFF_TOPIC,
            flags=tuple(flags),
            confidence=figures.confidence_in_nothing,
            signals=named,
            verdicts=signals.verdicts,
        )
    review = panel.review.now()
    doubts = figures.doubts(review)
    if failure is None:
        panel.review.note(figures.confidence, is_low=Flag.LOW_CONFIDENCE in doubts)
    flags += doubts
    if split_criteria(signals.verdicts.votes):
        flags.append(Flag.JUDGES_DISAGREE)
    if signals.verdicts.defused:
        flags.append(Flag.INJECTION_SUSPECTED)
    masked = tuple(reading.evidence(span) for span in reading.screening.masked)
    return Report(
        score=None if failure else round(figures.score, 1),
        score_min=round(figures.score_min, 1),
        score_max=round(figures.score_max, 1),
        coverage=round(figures.coverage, 3),
        confidence=round(figures.confidence, 3) if failure is None else 0.0,
        needs_review=wants_a_person(flags, settled=False, failed=failure is not None),
        flags=in_order(flags),
        criteria=criteria,
        signals=_named_signals(signals, judge_score=figures.judge_score),
        contributions=figures.contributions if not failure else {},
        feedback=feedback.compose(
            criteria,
            language=language,
            settled=None,
            masked_quotes=[item.quote for item in masked],
            names=names_for_candidates(rubric, language),
        ),
        provenance=_provenance(reading, rubric, panel, signals.verdicts, review),
        masked=masked,
        **_left_out(reading),
        unscored_reason=failure.reason if failure else None,
        unscored_detail=failure.detail if failure else None,
        judge_away=failure is not None and failure.away,
    )


def in_order(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Each flag once, in the order of their list."""
    found = set(flags)
    return tuple(flag for flag in Flag if flag in found)


def wants_a_person(flags: Iterable[Flag], *, settled: bool, failed: bool) -> bool:
    """Whether a report goes to a person; what a fact settled at 0 does so for fewer reasons."""
    if settled:
        return bool({Flag.INJECTION_SUSPECTED, Flag.OFF_TOPIC, Flag.RUBRIC_CHANGED} & set(flags))
    # Signals that disagree are less sure, which the confidence tells.
    return failed or bool(set(flags) - {Flag.HIDDEN_CHARACTERS, Flag.SIGNALS_DISAGREE})


def _is_off_topic(signals: Signals, score: float, weighing: coefficients.KindWeights) -> bool:
    return (
        score <= MAX_SCORE * weighing.merit.chance(_OFF_TOPIC_CHANCE)
        and max(match.lift for match in signals.matches.values()) <= _OFF_TOPIC_LIFT
        and not any((signals.question_recall, *signals.recalls.values()))
    )


def _named_signals(signals: Signals, *, judge_score: float) -> dict[str, float | None]:
    matches = list(signals.matches.values())
    return {
        "judge": round(judge_score / MAX_SCORE, 4) if signals.verdicts.levels else None,
        "embedding": round(sum(match.similarity for match in matches) / len(matches), 4),
        "point_recall": round(sum(signals.recalls.values()) / len(signals.recalls), 4),
        "rouge1": round(signals.rouge.rouge1, 4),
        "rouge2": round(signals.rouge.rouge2, 4),
        "rougeL": round(signals.rouge.rouge_l, 4),
    }


def build_settled_report(
    reading: Reading,
    rubric: Rubric,
    panel: Panel,
    fact: Flag,
    *,
    flags: tuple[Flag, ...],
    confidence: float = 1.0,
    signals: Mapping[str, float | None] | None = None,
    verdicts: AnswerVerdicts | None = None,
) -> Report:
    """The report on an answer that a fact about it makes worth 0.

    Models were asked only for `off_topic`, which is their word, and has the `confidence` that it makes.
    """
    panel.review.note(confidence, is_low=False)
    language = reading.language(rubric)
    masked = tuple(reading.evidence(span) for span in reading.screening.masked)
    quotes = [item.quote for item in masked]
    words = feedback.compose((), language=language, settled=fact, masked_quotes=quotes, names={})
    criteria = tuple(
        CriterionResult(
            id=criterion.id,
            title=criterion.title,
            kind=criterion.kind,
            max_points=float(criterion.points),
            level=0,
            points=0.0,
            probabilities=(1.0,) + (0.0,) * (len(criterion.levels) - 1),
            reason=words.candidate,
            votes=verdicts.votes.get(criterion.id, ()) if verdicts else (),
        )
        for criterion in rubric.criteria
    )
    return Report(
        score=0.0,
        score_min=0.0,
        score_max=0.0,
        coverage=1.0,
        confidence=round(confidence, 3),
        needs_review=wants_a_person(flags, settled=True, failed=False),
        flags=flags,
        criteria=criteria,
        signals=signals or {},
        contributions={},
        feedback=words,
        provenance=_provenance(reading, rubric, panel, verdicts, panel.review.now()),
        masked=masked,
        **_left_out(reading),
    )


def _left_out(reading: Reading) -> dict[str, Any]:
    """The places that no model read although they do not speak to the grader, by reason."""
    found = reading.screening
    by_reason = {"talk": found.talk, "unrelated": found.unrelated, "repeated": found.repeated}
    return {reason: tuple(reading.evidence(span) for span in spans) for reason, spans in by_reason.items()}


def _provenance(
    reading: Reading, rubric: Rubric, panel: Panel, verdicts: AnswerVerdicts | None, review: ReviewPolicy
) -> Provenance:
    calls = verdicts.calls if verdicts else ()
    return Provenance(
        **asdict(panel.identity(rubric)),
        rubric_hash=content_hash(rubric),
        answer_hash=hashlib.sha256(reading.normal.text.encode("utf-8")).hexdigest(),
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
