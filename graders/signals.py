"""What the three graders find in a batch of answers, and what of it counts for each level of a criterion."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vivavoce.rubrics import Criterion, Rubric

from . import lexical
from .embedding import PointMatch, Vectors, match_points
from .judge.judging import AnswerVerdicts
from .judge.prompt import number_sentences
from .panel import Panel
from .reading import Reading
from .types import LevelSignals


@dataclass(frozen=True)
class Signals:
    """What the graders found in one answer; matches and recalls are by expected point."""

    matches: Mapping[str, PointMatch]
    recalls: Mapping[str, float]
    rouge: lexical.RougeScores
    verdicts: AnswerVerdicts


def collect_signals(readings: Sequence[Reading], rubric: Rubric, panel: Panel) -> list[Signals]:
    """The signals of each answer; embeddings in one pass, the judge in one fan-out."""
    if not readings:
        return []
    question = rubric.question.text
    references = [reference.text for reference in rubric.references]
    windows = [_windows(reading.sentences) for reading in readings]
    points = [point.text for point in rubric.expected_points]
    vectors = _embed(panel, [question, *points, *(window for each in windows for window in each)])
    verdicts = panel.judge.judge([number_sentences(reading.sentences) for reading in readings], rubric)
    found = []
    for reading, own_windows, verdict in zip(readings, windows, verdicts, strict=True):
        said = "\n".join(reading.sentences)
        matches = match_points(
            windows=vectors.rows(own_windows),
            points=vectors.rows(points),
            question=vectors.rows([question])[0],
        )
        found.append(
            Signals(
                matches={p.id: m for p, m in zip(rubric.expected_points, matches, strict=True)},
                recalls={
                    point.id: lexical.point_recall(said, point=point.text, question=question)
                    for point in rubric.expected_points
                },
                rouge=lexical.rouge(said, references),
                verdicts=verdict,
            )
        )
    return found


@dataclass(frozen=True)
class _VectorTable:
    vectors: Vectors
    index: Mapping[str, int]

    def rows(self, texts: Sequence[str]) -> Vectors:
        return self.vectors[[self.index[text] for text in texts]]


def _embed(panel: Panel, texts: Sequence[str]) -> _VectorTable:
    """Each different text once, in one pass."""
    distinct = list(dict.fromkeys(texts))
    return _VectorTable(
        vectors=panel.embedder.embed(distinct),
        index={text: row for row, text in enumerate(distinct)},
    )


def _windows(sentences: Sequence[str]) -> list[str]:
    """Single sentences first, then neighbouring pairs: a point may take two sentences to make."""
    pairs = itertools.pairwise(sentences)
    return [*sentences, *(f"{first} {second}" for first, second in pairs)]


def level_signals(criterion: Criterion, rubric: Rubric, signals: Signals) -> list[LevelSignals]:
    """The signals for each level of a criterion above the lowest.

    A higher level asks for more of the expected points: the lowest step looks at the best of them,
    the highest at all.
    """
    points = rubric.points_expected_for(criterion.id)
    lifts = sorted((signals.matches[point.id].lift for point in points), reverse=True)
    recalls = sorted((signals.recalls[point.id] for point in points), reverse=True)
    verdicts = signals.verdicts.levels[criterion.id]
    steps = len(verdicts)
    found = []
    for step, verdict in enumerate(verdicts):
        share = step / (steps - 1) if steps > 1 else 0.0
        count = 1 + math.floor(share * (len(points) - 1) + 0.5) if points else 0
        found.append(
            LevelSignals(
                judge=verdict.log_odds - verdict.prior,
                embedding=sum(lifts[:count]) / count if count else None,
                rouge=sum(recalls[:count]) / count if count else None,
            )
        )
    return found
