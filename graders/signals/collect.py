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
from ..reading.screened_answer import ScreenedAnswer
from ..types import Evidence, LevelSignals, LevelVerdict
from . import lexical
from .similarity import PointMatch, match_points


@dataclass(frozen=True)
class PointSignals:
    """Similarity, its gain, term recall and the nearest sentences for one expected point."""

    similarity: float
    similarity_gain: float
    term_recall: float
    nearest: Evidence


@dataclass(frozen=True)
class Signals:
    """Everything that the graders found in one answer.

    `levels` has the signals of each level above the lowest, and `quotes` the places that the judge quoted, both by
    criterion, for criteria with a verdict; `points` is by expected point. `question_recall` is the share (0 to 1) of
    the question's content words that the answer has.
    """

    levels: Mapping[str, tuple[LevelSignals, ...]]
    quotes: Mapping[str, tuple[Evidence, ...]]
    points: Mapping[str, PointSignals]
    question_recall: float
    rouge: lexical.RougeScores
    verdicts: AnswerVerdicts


def collect_signals(answers: Sequence[ScreenedAnswer], rubric: Rubric, panel: Panel) -> list[Signals]:
    """Signals of each answer; embeddings are computed in one pass, the judge is asked about all answers at once."""
    if not answers:
        return []
    statements = _list_statements(rubric)
    windows = [_list_windows(answer.sentences) for answer in answers]
    question_vector, *statement_vectors = panel.embedder.embed([rubric.question.text, *statements])
    ends = list(itertools.accumulate(map(len, windows)))[:-1]
    vectors = np.split(panel.embedder.embed(list(itertools.chain.from_iterable(windows))), ends)
    verdicts = panel.judge.judge([number_sentences(answer.sentences) for answer in answers], rubric)
    signals = []
    for answer, window_vectors, verdict in zip(answers, vectors, verdicts, strict=True):
        matches = match_points(windows=window_vectors, points=np.asarray(statement_vectors), question=question_vector)
        by_statement = dict(zip(statements, matches, strict=True))
        signals.append(_collect(answer, by_statement, verdict, rubric, panel))
    return signals


def _collect(
    answer: ScreenedAnswer,
    matches: Mapping[str, PointMatch],
    verdicts: AnswerVerdicts,
    rubric: Rubric,
    panel: Panel,
) -> Signals:
    question, references = rubric.question.text, [reference.text for reference in rubric.references]
    counted = {text: stated(answer.sentences, text, rubric) for text in [*matches, *references]}
    recalls = {text: lexical.point_recall(counted[text], point=text, question=question) for text in matches}
    whole = "\n".join(answer.sentences)
    rouge = lexical.rouge(whole, references, stated=["\n".join(counted[text]) for text in references])
    points = {
        point.id: PointSignals(
            similarity=matches[point.text].similarity,
            similarity_gain=matches[point.text].similarity_gain,
            term_recall=recalls[point.text],
            nearest=answer.window_evidence(matches[point.text].window),
        )
        for point in rubric.expected_points
    }
    descriptions = {text for levels in _described_levels(rubric).values() for text in levels}
    ordered = [text for text in matches if text in descriptions]
    # Without verdicts there is no score; while the judge is unavailable answers come again and again.
    verified = _verify(answer, ordered, rubric, panel) if verdicts.levels else {}
    return Signals(
        levels={
            criterion.id: _level_signals(
                criterion,
                verdicts.levels[criterion.id],
                [points[point.id] for point in rubric.points_expected_for(criterion.id)],
                _StatementSignals(matches, recalls, verified),
                rouge,
            )
            for criterion in rubric.criteria
            if criterion.id in verdicts.levels
        },
        quotes={
            name: tuple(piece for level in levels if level.span for piece in answer.evidence_in_sentences(level.span))
            for name, levels in verdicts.levels.items()
        },
        points=points,
        question_recall=lexical.point_recall([whole], point=question, question=""),
        rouge=rouge,
        verdicts=verdicts,
    )


@dataclass(frozen=True)
class _StatementSignals:
    """Match, term recall and the verifier's log-odds by statement; the verifier has none where it was not asked."""

    matches: Mapping[str, PointMatch]
    recalls: Mapping[str, float]
    verified: Mapping[str, float | None]


def _described_levels(rubric: Rubric) -> dict[str, list[str]]:
    """Descriptions of the levels above the lowest, by criterion."""
    return {
        criterion.id: [level.description.strip() for level in criterion.levels[1:]] for criterion in rubric.criteria
    }


def _list_statements(rubric: Rubric) -> list[str]:
    """Everything that an answer is compared with, each text once: expected points, then descriptions of levels."""
    points = [point.text for point in rubric.expected_points]
    return list(dict.fromkeys([*points, *itertools.chain.from_iterable(_described_levels(rubric).values())]))


def _verify(
    answer: ScreenedAnswer, statements: Sequence[str], rubric: Rubric, panel: Panel
) -> Mapping[str, float | None]:
    if rubric.weights or not panel.coefficients.uses_signal("verifier", rubric.question.id):
        return dict.fromkeys(statements)
    found = panel.verifier.log_odds(answer.sentences, statements, question=rubric.question)
    return dict(zip(statements, found, strict=True))


def _list_windows(sentences: Sequence[str]) -> list[str]:
    """Single sentences first, then neighbouring pairs: a point may take two sentences to make."""
    pairs = itertools.pairwise(sentences)
    return [*sentences, *(f"{first} {second}" for first, second in pairs)]


def _level_signals(
    criterion: Criterion,
    verdicts: Sequence[LevelVerdict],
    points: Sequence[PointSignals],
    statements: _StatementSignals,
    rouge: lexical.RougeScores,
) -> tuple[LevelSignals, ...]:
    """Signals of each level of a criterion above the lowest.

    An answer is compared with the level's description and, where the criterion has expected points, with these, half
    and half. A higher level needs more of the points: the lowest level counts the best point, the highest all of them;
    a criterion with one level above the lowest counts the best.
    """
    gains = sorted((point.similarity_gain for point in points), reverse=True)
    recalls = sorted((point.term_recall for point in points), reverse=True)
    last = len(verdicts) - 1
    signals = []
    for step, (level, verdict) in enumerate(zip(criterion.levels[1:], verdicts, strict=True)):
        text = level.description.strip()
        share = step / last if last else 0.0
        count = 1 + math.floor(share * (len(points) - 1) + 0.5) if points else 0
        signals.append(
            LevelSignals(
                judge=verdict.log_odds - verdict.baseline_log_odds,
                verifier=statements.verified.get(text),
                similarity_gain=_half_and_half(statements.matches[text].similarity_gain, gains[:count]),
                term_recall=_half_and_half(statements.recalls[text], recalls[:count]),
                rouge1_recall=rouge.rouge1_recall,
            )
        )
    return tuple(signals)


def _half_and_half(of_level: float, of_points: Sequence[float]) -> float:
    return (of_level + fmean(of_points)) / 2 if of_points else of_level
