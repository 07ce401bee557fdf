"""What the graders find in a batch of answers, and what of it counts for each level of a criterion."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from vivavoce.rubrics import Criterion, Rubric

from ..judge.prompt import number_sentences
from ..judge.types import AnswerVerdicts
from ..panel import Panel
from ..reading.name_lists import stated
from ..reading.screened_answer import Reading
from ..types import LevelSignals
from . import lexical
from .similarity import PointMatch, match_points


@dataclass(frozen=True)
class Signals:
    """What the graders found in one answer.

    `matches` and `recalls` are by expected point; `level_lifts` and `level_recalls` are the same of the
    description of each level above the lowest, by criterion; `verified` has the verifier's log-odds for it, or None
    where they have no weight. `question_recall` is the share (0 to 1) of the question's telling words that the answer
    has.
    """

    matches: Mapping[str, PointMatch]
    recalls: Mapping[str, float]
    level_lifts: Mapping[str, Sequence[float]]
    level_recalls: Mapping[str, Sequence[float]]
    question_recall: float
    verified: Mapping[str, Sequence[float | None]]
    rouge: lexical.RougeScores
    verdicts: AnswerVerdicts


def collect_signals(readings: Sequence[Reading], rubric: Rubric, panel: Panel) -> list[Signals]:
    """The signals of each answer; embeddings in one pass, the judge in one fan-out."""
    if not readings:
        return []
    question = rubric.question.text
    references = [reference.text for reference in rubric.references]
    windows = [_windows(reading.sentences) for reading in readings]
    points = {point.id: point.text for point in rubric.expected_points}
    levels = {c.id: [level.description.strip() for level in c.levels[1:]] for c in rubric.criteria}
    described = list(dict.fromkeys(itertools.chain.from_iterable(levels.values())))
    asked = [*points.values(), *described]
    of_rubric = panel.embedder.embed([question, *asked])
    ends = list(itertools.accumulate(map(len, windows)))[:-1]
    vectors = np.split(panel.embedder.embed(list(itertools.chain.from_iterable(windows))), ends)
    verdicts = panel.judge.judge([number_sentences(reading.sentences) for reading in readings], rubric)
    found = []
    for reading, own_vectors, verdict in zip(readings, vectors, verdicts, strict=True):
        best = match_points(windows=own_vectors, points=of_rubric[1:], question=of_rubric[0])
        matches = dict(zip(asked, best, strict=True))
        # Without verdicts there is no score; while the judge is away answers come again and again.
        verified = _verify(reading, described, rubric, panel) if verdict.levels else dict.fromkeys(described)
        said = "\n".join(reading.sentences)
        counted = {text: stated(reading.sentences, text, rubric) for text in [*asked, *references]}
        recalls = {text: lexical.point_recall(counted[text], point=text, question=question) for text in asked}
        found.append(
            Signals(
                matches={name: matches[text] for name, text in points.items()},
                recalls={name: recalls[text] for name, text in points.items()},
                level_lifts={name: [matches[text].lift for text in own] for name, own in levels.items()},
                level_recalls={name: [recalls[text] for text in own] for name, own in levels.items()},
                question_recall=lexical.point_recall([said], point=question, question=""),
                verified={name: [verified[text] for text in own] for name, own in levels.items()},
                rouge=lexical.rouge(said, references, stated=["\n".join(counted[text]) for text in references]),
                verdicts=verdict,
            )
        )
    return found


def _verify(reading: Reading, statements: Sequence[str], rubric: Rubric, panel: Panel) -> Mapping[str, float | None]:
    if rubric.weights or not panel.coefficients.count("verifier", rubric.question.id):
        return dict.fromkeys(statements)
    found = panel.verifier.log_odds(reading.sentences, statements, question=rubric.question)
    return dict(zip(statements, found, strict=True))


def _windows(sentences: Sequence[str]) -> list[str]:
    """Single sentences first, then neighbouring pairs: a point may take two sentences to make."""
    pairs = itertools.pairwise(sentences)
    return [*sentences, *(f"{first} {second}" for first, second in pairs)]


def level_signals(criterion: Criterion, rubric: Rubric, signals: Signals) -> list[LevelSignals]:
    """The signals for each level of a criterion above the lowest.

    An answer is held against the level's description and, where the criterion has expected points,
    against these, half and half. A higher level asks for more of the points: the lowest step looks at
    the best of them, the highest at all; a criterion of one step looks at the best.
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
                verifier=signals.verified[criterion.id][step],
                lift=_half_and_half(signals.level_lifts[criterion.id][step], lifts[:count]),
                recall=_half_and_half(signals.level_recalls[criterion.id][step], recalls[:count]),
                overlap=signals.rouge.recall,
            )
        )
    return found


def _half_and_half(of_level: float, of_points: Sequence[float]) -> float:
    return (of_level + fmean(of_points)) / 2 if of_points else of_level
