"""A report by another version of its rubric, where the verdicts stay what they are: arithmetic, and no model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from vivavoce.rubrics import Criterion, Edit, Effect, Rubric, content_hash

from ..judge.voting import count_votes, split_criteria
from ..scoring.coefficients import Coefficients, default_coefficients
from ..scoring.confidence import ReviewPolicy
from ..scoring.summary import Summary, summarise
from ..types import MAX_SCORE, CriterionResult, EarlierScore, Feedback, Flag, LevelVerdict, Report
from . import feedback
from .answer_key import names_for_candidates
from .build import figure_fields, needs_person, sort_flags
from .criteria import criterion_fields

_SETTLED = frozenset({Flag.EMPTY, Flag.NON_ANSWER, Flag.COPIED_QUESTION, Flag.OFF_TOPIC})
_RECOMPUTED = frozenset(
    {
        Flag.SIGNALS_DISAGREE,
        Flag.LOW_CONFIDENCE,
        Flag.NEAR_PASS_MARK,
        Flag.JUDGES_DISAGREE,
        Flag.RUBRIC_CHANGED,
    }
)


def recompute(report: Report, rubric: Rubric, edit: Edit, *, coefficients: Coefficients | None = None) -> Report | None:
    """The report by a rubric whose edit leaves the verdicts as they are; `coefficients` default to the shipped ones.

    None when arithmetic cannot tell: the edit makes grades stale, or changes what a judge read that was shown the
    whole rubric; other coefficients weigh the signals now; the report is older than the record of its signals; the
    answer was off topic, which hangs on the points. What another fact settled at 0 stays there. A report that had
    become stale under another version is not so under this one.
    """
    coefficients = coefficients or default_coefficients()
    if edit.effect is Effect.STALE or (edit.is_seen_by_judges and _saw_rubric(report.provenance.prompt_form)):
        return None
    if edit.effect is Effect.NONE:
        return _moved(report, rubric)
    if Flag.OFF_TOPIC in report.flags:
        return None
    earlier = EarlierScore(report.provenance.rubric_hash, report.score)
    moved = _moved(report, rubric)
    moved = replace(
        moved,
        provenance=replace(moved.provenance, recomputed_from=(*moved.provenance.recomputed_from, earlier)),
    )
    if _is_settled(report):
        return moved
    if report.provenance.combiner_version != coefficients.version or not _has_signals(report):
        return None
    return _recomputed(moved, rubric, coefficients)


def _moved(report: Report, rubric: Rubric) -> Report:
    """The report with the criteria as the rubric has them, no figure changed."""
    recorded = {result.id: result for result in report.criteria}
    criteria = tuple(
        replace(recorded[c.id], title=c.title, kind=c.kind, max_points=float(c.points)) for c in rubric.criteria
    )
    flags = tuple(flag for flag in report.flags if flag is not Flag.RUBRIC_CHANGED)
    settled = _is_settled(report)
    failed = report.unscored_reason is not None
    # Means over the expected points of all criteria cannot be told without those of one that is gone.
    gone = {"embedding", "point_recall"} if len(criteria) < len(report.criteria) and report.signals else set()
    return replace(
        report,
        criteria=criteria,
        signals={**report.signals, **dict.fromkeys(sorted(gone))},
        flags=flags,
        needs_review=needs_person(flags, settled=settled, failed=failed),
        feedback=report.feedback if settled else _feedback(report, criteria, rubric),
        provenance=replace(report.provenance, rubric_hash=content_hash(rubric)),
    )


def _recomputed(report: Report, rubric: Rubric, coefficients: Coefficients) -> Report:
    recorded = {result.id: result for result in report.criteria}
    levels = {result.id: result.signals for result in report.criteria if result.signals}
    figures = summarise(rubric, levels, coefficients)
    votes = {result.id: result.votes for result in report.criteria}
    verdicts, _ = count_votes(votes, quorum=report.provenance.quorum, details=defaultdict(list))
    language = report.feedback.language
    criteria = tuple(
        _restated(criterion, recorded[criterion.id], figures, verdicts.get(criterion.id, ()), language)
        for criterion in rubric.criteria
    )
    flags = {flag for flag in report.flags if flag not in _RECOMPUTED}
    source = report.provenance
    flags |= set(figures.list_flags(ReviewPolicy(source.review_below, source.pass_mark, source.pass_margin)))
    if split_criteria(votes):
        flags.add(Flag.JUDGES_DISAGREE)
    # What waiting may mend comes first, as in a new report.
    reasons = sorted((r.unscored_reason for r in criteria if r.unscored_reason), key=lambda why: not why.retryable)
    same = report.unscored_reason in reasons
    return replace(
        report,
        **figure_fields(figures, failed=bool(reasons)),
        needs_review=needs_person(flags, settled=False, failed=bool(reasons)),
        flags=sort_flags(flags),
        criteria=criteria,
        signals={**report.signals, "judge": round(figures.judge_score / MAX_SCORE, 4) if levels else None},
        feedback=_feedback(report, criteria, rubric),
        unscored_reason=report.unscored_reason if same else next(iter(reasons), None),
        unscored_detail=report.unscored_detail if same else None,
    )


def _restated(
    criterion: Criterion,
    result: CriterionResult,
    figures: Summary,
    verdicts: Sequence[LevelVerdict],
    language: feedback.FeedbackLanguage,
) -> CriterionResult:
    if criterion.id not in figures.probabilities:
        return result
    said = next((verdict.reason for verdict in reversed(verdicts) if verdict.reason), None)
    fields = criterion_fields(
        criterion, figures.probabilities[criterion.id], result.evidence, said=said, language=language
    )
    return replace(result, **fields)


def _feedback(report: Report, criteria: Sequence[CriterionResult], rubric: Rubric) -> Feedback:
    language = report.feedback.language
    return feedback.compose(
        criteria,
        language=language,
        settled=None,
        masked_quotes=[item.quote for item in report.masked],
        names=names_for_candidates(rubric, language),
    )


def _is_settled(report: Report) -> bool:
    return bool(_SETTLED & set(report.flags))


def _has_signals(report: Report) -> bool:
    return all(result.signals or result.unscored_reason for result in report.criteria)


def _saw_rubric(form: str) -> bool:
    """Whether any judge was shown more of the rubric than the level it was asked about."""
    return any(part in form for part in ("/rubric/", "/full/", "/few-shot"))
