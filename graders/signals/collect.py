"""Collects the signals of a batch of answers, each within its limit of time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import ParamSpec, TypeVar

from vivavoce.rubrics import Rubric

from ..errors import JudgeFailure
from ..judge.prompt import number_sentences
from ..judge.types import AnswerVerdicts
from ..models.embedder import Vectors
from ..models.time_limit import TimeLimit, embed_in_units, share_limits
from ..panel import Panel
from ..reading.reading_limit import list_statements, shorten_statements
from ..reading.screened_answer import ScreenedAnswer
from .answer_signals import AnswerVectors, PointSignals, Signals, combine_signals

__all__ = ["PointSignals", "Signals", "collect_signals", "collect_within", "try_within"]
P = ParamSpec("P")
T = TypeVar("T")


def collect_signals(answers: Sequence[ScreenedAnswer], rubric: Rubric, panel: Panel) -> list[Signals]:
    """Collect the signals of each answer, in order, without a limit of time.

    The answers are judged in one call. Each needs at least one sentence.
    """
    collected = collect_within([(answer, TimeLimit()) for answer in answers], rubric, panel)
    return [signals for signals in collected if isinstance(signals, Signals)]


def collect_within(
    answers: Sequence[tuple[ScreenedAnswer, TimeLimit]], rubric: Rubric, panel: Panel
) -> list[Signals | JudgeFailure]:
    """As `collect_signals`, with a limit on the time of each answer; the failure of each whose time was over."""
    rubric_vectors = _RubricVectors(rubric, panel)
    vectors = [try_within(limit, _embed_answer, answer, rubric_vectors, panel) for answer, limit in answers]
    embedded = [
        (answer, limit, answer_vectors)
        for (answer, limit), answer_vectors in zip(answers, vectors, strict=True)
        if not isinstance(answer_vectors, JudgeFailure)
    ]
    verdicts = _judge_answers([(answer, limit) for answer, limit, _ in embedded], rubric, panel)
    signals = iter(
        [
            try_within(limit, combine_signals, answer, answer_vectors, verdict, rubric, panel)
            for (answer, limit, answer_vectors), verdict in zip(embedded, verdicts, strict=True)
        ]
    )
    return [found if isinstance(found, JudgeFailure) else next(signals) for found in vectors]


def try_within(limit: TimeLimit, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | JudgeFailure:
    """What the work returns, or the failure if the time of the limit is over."""
    try:
        with limit.counting():
            limit.check()
            return work(*args, **kwargs)
    except JudgeFailure as failure:
        return failure


def _judge_answers(
    answers: Sequence[tuple[ScreenedAnswer, TimeLimit]], rubric: Rubric, panel: Panel
) -> list[AnswerVerdicts]:
    """The verdicts on each answer; the time that each took is counted."""
    if not answers:
        return []
    started = time.monotonic()
    limits = [limit for _, limit in answers]
    with share_limits(limits):
        verdicts = panel.judge.judge([number_sentences(answer.sentences) for answer, _ in answers], rubric)
    share = (time.monotonic() - started) / len(answers)
    for limit, verdict in zip(limits, verdicts, strict=True):
        limit.add(share if verdict.seconds is None else verdict.seconds)
    return verdicts


class _RubricVectors:
    """The vectors of a rubric's side, computed for the first answer of a batch that needs them."""

    def __init__(self, rubric: Rubric, panel: Panel) -> None:
        self._texts = [rubric.question.text, *shorten_statements(list_statements(rubric))]
        self._embedder = panel.embedder

    @cached_property
    def question(self) -> Vectors:
        """The vector of the question, shape (d,)."""
        vector: Vectors = self._vectors[0]
        return vector

    @cached_property
    def statements(self) -> Vectors:
        """The vectors of the statements, shape (s, d)."""
        return self._vectors[1:]

    @cached_property
    def _vectors(self) -> Vectors:
        return embed_in_units(self._embedder, self._texts)


def _embed_answer(answer: ScreenedAnswer, rubric_vectors: _RubricVectors, panel: Panel) -> AnswerVectors:
    statements, question = rubric_vectors.statements, rubric_vectors.question
    windows = embed_in_units(panel.embedder, _list_windows(answer.sentences))
    return AnswerVectors(windows=windows, statements=statements, question=question)


def _list_windows(sentences: Sequence[str]) -> list[str]:
    """All sentences, then all pairs of neighbours, since a point may take two sentences."""
    pairs = itertools.pairwise(sentences)
    return [*sentences, *(f"{first} {second}" for first, second in pairs)]
