"""The only way in: `grade` takes answers, a rubric and a panel, and returns a report for each answer.

It knows no database, no web and no queue. The same answers, rubric and panel give the same reports.
"""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.rubrics import Rubric

from .panel import Panel
from .reading.screened_answer import ScreenedAnswer
from .report.build import build_report, build_settled_report
from .signals.collect import collect_signals
from .types import AnswerInput, LevelSignals, Report


def grade(answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel) -> list[Report]:
    """Grade answers to one question, in one language, together.

    Returns one report an answer, in order. A failure of the judge is in the report as an
    `unscored_reason`; nothing is raised for it and no score is made up.
    """
    read = [_read(answer, rubric, panel) for answer in answers]
    open_ones = [reading for reading in read if reading.screening.settled is None]
    found = iter(collect_signals(open_ones, rubric, panel))
    return [
        build_settled_report(reading, rubric, panel, settled)
        if (settled := reading.screening.settled)
        else build_report(reading, next(found), rubric, panel)
        for reading in read
    ]


def read_signals(
    answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel
) -> list[dict[str, list[LevelSignals]] | None]:
    """The signals by criterion that `grade` would combine, for fitting coefficients to people's grades.

    None stands for an answer that screening settled or that the judge failed on.
    """
    read = [_read(answer, rubric, panel) for answer in answers]
    found = iter(collect_signals([r for r in read if r.screening.settled is None], rubric, panel))
    result: list[dict[str, list[LevelSignals]] | None] = []
    for reading in read:
        signals = next(found) if reading.screening.settled is None else None
        if signals is None or signals.verdicts.failures:
            result.append(None)
        else:
            result.append({name: list(levels) for name, levels in signals.levels.items()})
    return result


def _read(answer: AnswerInput, rubric: Rubric, panel: Panel) -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(answer, rubric, relevance=panel.relevance, kinds=panel.sentence_classifier)
