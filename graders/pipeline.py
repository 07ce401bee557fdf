"""The entry point: `grade` takes answers, a rubric and a panel, and returns a report for each answer.

It uses no database, web server or queue. The same answers, rubric and panel give the same reports.
"""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.rubrics import Rubric

from .panel import Panel
from .reading.chinese_script import write_in_one_script
from .reading.screened_answer import ScreenedAnswer
from .report.build import build_report, build_settled_report
from .signals.collect import collect_signals
from .types import AnswerInput, LevelSignals, Report


def grade(answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel) -> list[Report]:
    """Grade answers to one question, in one language, as a batch.

    Returns one report per answer, in the same order. A judge failure raises nothing: it appears in the report as
    `unscored_reason`, and the score is None.
    """
    read = write_in_one_script(rubric)
    screened = [_screen_answer(answer, read, panel) for answer in answers]
    signals = iter(collect_signals(_list_unsettled(screened), read, panel))
    return [
        build_settled_report(answer, rubric, panel, settled)
        if (settled := answer.screening.settled)
        else build_report(answer, next(signals), rubric, panel)
        for answer in screened
    ]


def read_signals(
    answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel
) -> list[dict[str, list[LevelSignals]] | None]:
    """The signals by criterion that `grade` would combine, for fitting coefficients to people's grades.

    An entry is None for an answer that screening settled or that the judge failed on.
    """
    rubric = write_in_one_script(rubric)
    screened = [_screen_answer(answer, rubric, panel) for answer in answers]
    collected = iter(collect_signals(_list_unsettled(screened), rubric, panel))
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


def _list_unsettled(answers: Sequence[ScreenedAnswer]) -> list[ScreenedAnswer]:
    """The answers that need models: those whose score no fact has settled."""
    return [answer for answer in answers if answer.screening.settled is None]
