"""The entry point: `grade` takes answers, a rubric and a panel, and returns a report for each answer.

It uses no database, web server or queue. The same answers, rubric and panel give the same reports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vivavoce.rubrics import Rubric

from .errors import JudgeFailure, UnscoredReason
from .models.time_limit import TimeLimit
from .panel import Panel
from .reading.chinese_script import write_in_one_script
from .reading.screened_answer import ScreenedAnswer
from .report.build import build_failed_report, build_report, build_settled_report
from .signals.collect import Signals, collect_signals, collect_within, try_within
from .types import AnswerInput, LevelSignals, Report


def grade(
    answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel, *, seconds: float | None = None
) -> list[Report]:
    """Grade answers to one question, in one language, as a batch.

    Returns one report per answer, in the same order. A failure of the judge raises nothing: it appears in the report as
    `unscored_reason`, and the score is None. So does the end of the time: the work on each answer may take `seconds`,
    and one more unit of work that has begun (see `time_limit`).
    """
    read = write_in_one_script(rubric)
    limits = [TimeLimit(seconds) for _ in answers]
    screened = [
        try_within(limit, _screen_answer, answer, read, panel) for answer, limit in zip(answers, limits, strict=True)
    ]
    unsettled = [
        (answer, limit)
        for answer, limit in zip(screened, limits, strict=True)
        if isinstance(answer, ScreenedAnswer) and not answer.screening.settled
    ]
    signals = iter(collect_within(unsettled, read, panel))
    reports = []
    for raw, answer in zip(answers, screened, strict=True):
        if isinstance(answer, JudgeFailure):
            # Without models, screening takes no time to speak of.
            unread = ScreenedAnswer.from_answer(raw, read)
            reports.append(build_failed_report(unread, rubric, panel, answer))
        elif settled := answer.screening.settled:
            reports.append(build_settled_report(answer, rubric, panel, settled))
        else:
            reports.append(_build_report(answer, next(signals), rubric, panel))
    return reports


def _build_report(answer: ScreenedAnswer, signals: Signals | JudgeFailure, rubric: Rubric, panel: Panel) -> Report:
    """The report on an answer that models read; a failed one if a figure is not a finite number."""
    if isinstance(signals, JudgeFailure):
        return build_failed_report(answer, rubric, panel, signals)
    report = build_report(answer, signals, rubric, panel)
    if _is_finite(report.to_dict()):
        return report
    detail = "a figure of the report is not a finite number: check the points of the rubric, and report the error"
    return build_failed_report(answer, rubric, panel, JudgeFailure(UnscoredReason.INTERNAL, detail))


def _is_finite(value: Any) -> bool:
    """Whether a document has no infinite number and no NaN, at any depth."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def read_signals(
    answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel
) -> list[dict[str, list[LevelSignals]] | None]:
    """The signals by criterion that `grade` would combine, for fitting coefficients to people's grades.

    An entry is None for an answer that screening settled or that the judge failed on.
    """
    rubric = write_in_one_script(rubric)
    screened = [_screen_answer(answer, rubric, panel) for answer in answers]
    collected = iter(collect_signals([answer for answer in screened if not answer.screening.settled], rubric, panel))
    by_answer: list[dict[str, list[LevelSignals]] | None] = []
    for answer in screened:
        signals = next(collected) if answer.screening.settled is None else None
        # A partly judged answer would bias the fit.
        if signals is None or signals.verdicts.failures:
            by_answer.append(None)
        else:
            by_answer.append({name: list(levels) for name, levels in signals.levels.items()})
    return by_answer


def _screen_answer(answer: AnswerInput, rubric: Rubric, panel: Panel) -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(answer, rubric, relevance=panel.relevance, classifier=panel.sentence_classifier)
