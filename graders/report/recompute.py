"""Recomputes a report for another version of its rubric from the recorded verdicts; plain arithmetic, no model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from vivavoce.rubrics import Criterion, Edit, Effect, Rubric, content_hash

from ..judge.voting import count_votes, split_criteria
from ..scoring.coefficients import Coefficients, default_coefficients
from ..scoring.confidence import ReviewPolicy
from ..scoring.summary import Summary, compute_summary
from ..types import MAX_SCORE, CriterionResult, EarlierScore, Evidence, Feedback, Flag, LevelVerdict, Report
from . import feedback
from .answer_key import names_for_candidates
from .build import build_figure_fields, needs_person, sort_flags
from .criteria import build_criterion_fields, find_judge_reason

_SETTLED = frozenset({Flag.EMPTY, Flag.NON_ANSWER, Flag.COPIED_QUESTION, Flag.OFF_TOPIC})
# Flags that follow from the figures, and so are set anew.
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
    """The report under a rubric whose edit leaves the verdicts valid; `coefficients` default to the shipped ones.

    Returns None if that cannot be computed: the edit makes grades stale, or changes a text that the judge read because
    it was shown the whole rubric; the report was made with other coefficients or predates the record of signals; or the
    answer is off topic, which depends on the points. A score that another fact settled or left open stays. The result
    is not flagged as `rubric_changed`.
    """
    coefficients = coefficients or default_coefficients()
    if edit.effect is Effect.STALE or (edit.is_seen_by_judges and _saw_whole_rubric(report.provenance.prompt_form)):
        return None
    if edit.effect is Effect.NONE:
        return _move_to_rubric(report, rubric)
    if Flag.OFF_TOPIC in report.flags:
        return None
    earlier = EarlierScore(report.provenance.rubric_hash, report.score)
    moved = _move_to_rubric(report, rubric)
    moved = replace(
        moved,
        provenance=replace(moved.provenance, recomputed_from=(*moved.provenance.recomputed_from, earlier)),
    )
    if _is_settled(report):
        return moved
    if report.provenance.combiner_version != coefficients.version or not _has_signals(report):
        return None
    return _recompute_figures(moved, rubric, coefficients)


def move_pass_mark(report: Report, pass_mark: float) -> Report:
    """The report under another pass mark (0 to 10): only the review of scores near the mark changes.

    A report that was made without a mark gets the margin of `ReviewPolicy`.
    """
    source = report.provenance
    margin = source.pass_margin if source.pass_mark is not None else ReviewPolicy.pass_margin
    moved = replace(report, provenance=replace(source, pass_mark=pass_mark, pass_margin=margin))
    if report.score is None or _is_settled(report):
        return moved
    flags = set(report.flags) - {Flag.NEAR_PASS_MARK}
    if ReviewPolicy(source.review_below, pass_mark, margin).is_near_pass_mark(report.score):
        flags.add(Flag.NEAR_PASS_MARK)
    return replace(moved, flags=sort_flags(flags), needs_review=needs_person(flags, settled=False, failed=False))


def _move_to_rubric(report: Report, rubric: Rubric) -> Report:
    """The report with titles, maxima and order of the rubric's criteria; figures are unchanged."""
    recorded = {result.id: result for result in report.criteria}
    criteria = tuple(
        replace(recorded[c.id], title=c.title, kind=c.kind, max_points=float(c.points)) for c in rubric.criteria
    )
    flags = tuple(flag for flag in report.flags if flag is not Flag.RUBRIC_CHANGED)
    settled = _is_settled(report)
    failed = report.unscored_reason is not None
    # These are means over points, some of which are gone.
    unknown = {"embedding", "point_recall"} if len(criteria) < len(report.criteria) and report.signals else set()
    return replace(
        report,
        max_points=rubric.max_points,
        criteria=criteria,
        signals={**report.signals, **dict.fromkeys(sorted(unknown))},
        flags=flags,
        needs_review=needs_person(flags, settled=settled, failed=failed),
        feedback=report.feedback if settled else _compose_feedback(report, criteria, rubric),
        provenance=replace(report.provenance, rubric_hash=content_hash(rubric)),
    )


def _recompute_figures(report: Report, rubric: Rubric, coefficients: Coefficients) -> Report:
    recorded = {result.id: result for result in report.criteria}
    levels = {result.id: result.signals for result in report.criteria if result.signals}
    figures = compute_summary(rubric, levels, coefficients, masked_share=report.masked_share)
    votes = {result.id: result.votes for result in report.criteria}
    verdicts, _ = count_votes(votes, quorum=report.provenance.quorum, details=defaultdict(list))
    language = report.feedback.language
    criteria = tuple(
        _recompute_criterion(
            criterion, recorded[criterion.id], figures, verdicts.get(criterion.id, ()), language, report.context
        )
        for criterion in rubric.criteria
    )
    flags = {flag for flag in report.flags if flag not in _RECOMPUTED}
    source = report.provenance
    # The policy that the report was made under.
    flags |= set(figures.list_flags(ReviewPolicy(source.review_below, source.pass_mark, source.pass_margin)))
    if split_criteria(votes):
        flags.add(Flag.JUDGES_DISAGREE)
    # Retryable failures first, as in a new report.
    reasons = sorted(
        (r.unscored_reason for r in criteria if r.unscored_reason), key=lambda reason: not reason.retryable
    )
    is_same = report.unscored_reason in reasons
    return replace(
        report,
        **build_figure_fields(figures, rubric, failed=bool(reasons)),
        needs_review=needs_person(flags, settled=False, failed=bool(reasons)),
        flags=sort_flags(flags),
        criteria=criteria,
        signals={**report.signals, "judge": round(figures.judge_score / MAX_SCORE, 4) if levels else None},
        feedback=_compose_feedback(report, criteria, rubric),
        unscored_reason=report.unscored_reason if is_same else next(iter(reasons), None),
        unscored_detail=report.unscored_detail if is_same else None,
    )


def _recompute_criterion(
    criterion: Criterion,
    result: CriterionResult,
    figures: Summary,
    verdicts: Sequence[LevelVerdict],
    language: feedback.FeedbackLanguage,
    context: Sequence[Evidence],
) -> CriterionResult:
    if criterion.id not in figures.probabilities:
        return result
    fields = build_criterion_fields(
        criterion,
        figures.probabilities[criterion.id],
        result.evidence,
        judge_reason=find_judge_reason(verdicts),
        language=language,
        context=context,
    )
    return replace(result, **fields)


def _compose_feedback(report: Report, criteria: Sequence[CriterionResult], rubric: Rubric) -> Feedback:
    language = report.feedback.language
    return feedback.compose_feedback(
        criteria,
        language=language,
        settled=None,
        masked_quotes=[item.quote for item in report.masked],
        names=names_for_candidates(rubric, language),
    )


def _is_settled(report: Report) -> bool:
    return report.is_open or bool(_SETTLED & set(report.flags))


def _has_signals(report: Report) -> bool:
    return all(result.signals or result.unscored_reason for result in report.criteria)


def _saw_whole_rubric(form: str) -> bool:
    """Whether any judge was shown more of the rubric than the level it was asked about."""
    return any(part in form for part in ("/rubric/", "/full/", "/few-shot"))
