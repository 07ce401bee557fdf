"""The signals of one answer, and from them the features of each level of a criterion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from vivavoce.rubrics import Criterion, Rubric

from ..judge.types import AnswerVerdicts
from ..models.embedder import Vectors
from ..panel import Panel
from ..reading.name_lists import stated
from ..reading.reading_limit import list_statements
from ..reading.screened_answer import ScreenedAnswer
from ..types import Evidence, LevelSignals, LevelVerdict
from . import lexical
from .similarity import PointMatch, match_points


@dataclass(frozen=True)
class PointSignals:
    """The signals of one expected point.

    `similarity` (-1 to 1), `similarity_gain` (-2 to 2) and `term_recall` (0 to 1) are of the best passages;
    `nearest` is the passage with the highest similarity.
    """

    similarity: float
    similarity_gain: float
    term_recall: float
    nearest: Evidence


@dataclass(frozen=True)
class Signals:
    """All signals of one answer.

    For criteria with a verdict, `levels` has the features of each level above the lowest and `quotes` the passages that
    the judge quoted, both by criterion. `points` is by expected point. `question_recall` is the share (0 to 1) of the
    question's content words that the answer has.
    """

    levels: Mapping[str, tuple[LevelSignals, ...]]
    quotes: Mapping[str, tuple[Evidence, ...]]
    points: Mapping[str, PointSignals]
    question_recall: float
    rouge: lexical.RougeScores
    verdicts: AnswerVerdicts


@dataclass(frozen=True)
class _StatementSignals:
    """Best match, term recall and verifier's log-odds by statement; None where the verifier was not asked."""

    matches: Mapping[str, PointMatch]
    recalls: Mapping[str, float]
    verified: Mapping[str, float | None]


@dataclass(frozen=True)
class AnswerVectors:
    """Vectors of an answer's windows, shape (w, d), of the rubric's statements, (s, d), and of the question, (d,)."""

    windows: Vectors
    statements: Vectors
    question: Vectors


def combine_signals(
    answer: ScreenedAnswer, vectors: AnswerVectors, verdicts: AnswerVerdicts, rubric: Rubric, panel: Panel
) -> Signals:
    """Combine vectors and verdicts of an answer with word overlap and the verifier's log-odds."""
    by_place = match_points(windows=vectors.windows, points=vectors.statements, question=vectors.question)
    matches = dict(zip(list_statements(rubric), by_place, strict=True))
    question, references = rubric.question.text, [reference.text for reference in rubric.references]
    counted = {text: stated(answer.sentences, text, rubric) for text in [*matches, *references]}
    recalls = {text: lexical.point_recall(counted[text], point=text, question=question) for text in matches}
    whole = "\n".join(answer.sentences)
    rouge = lexical.rouge(whole, references, stated=["\n".join(counted[text]) for text in references])
    points = {
        point.id: _describe_point(answer, matches[point.text], recalls[point.text]) for point in rubric.expected_points
    }
    statements = _StatementSignals(matches, recalls, _verify_levels(answer, matches, verdicts, rubric, panel))
    return Signals(
        levels={
            criterion.id: _compute_level_signals(
                criterion,
                verdicts.levels[criterion.id],
                [points[point.id] for point in rubric.points_expected_for(criterion.id)],
                statements,
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


def _describe_point(answer: ScreenedAnswer, match: PointMatch, recall: float) -> PointSignals:
    return PointSignals(
        similarity=match.similarity,
        similarity_gain=match.similarity_gain,
        term_recall=recall,
        nearest=answer.window_evidence(match.window),
    )


def _describe_levels(rubric: Rubric) -> dict[str, list[str]]:
    """Descriptions of the levels above the lowest, by criterion."""
    return {
        criterion.id: [level.description.strip() for level in criterion.levels[1:]] for criterion in rubric.criteria
    }


def _verify_levels(
    answer: ScreenedAnswer,
    matches: Mapping[str, PointMatch],
    verdicts: AnswerVerdicts,
    rubric: Rubric,
    panel: Panel,
) -> Mapping[str, float | None]:
    """The verifier's log-odds (natural logarithm) by level description; None where it has no weight."""
    # Without verdicts there is no score to compute.
    if not verdicts.levels:
        return {}
    descriptions = {text for levels in _describe_levels(rubric).values() for text in levels}
    ordered = [text for text in matches if text in descriptions]
    if rubric.weights or not panel.coefficients.uses_signal("verifier", rubric.question.id):
        return dict.fromkeys(ordered)
    log_odds = panel.verifier.log_odds(answer.sentences, ordered, question=rubric.question)
    return dict(zip(ordered, log_odds, strict=True))


def _compute_level_signals(
    criterion: Criterion,
    verdicts: Sequence[LevelVerdict],
    points: Sequence[PointSignals],
    statements: _StatementSignals,
    rouge: lexical.RougeScores,
) -> tuple[LevelSignals, ...]:
    """Features of each level of a criterion above the lowest.

    Gain and recall are the mean of those for the level's description and those for the criterion's expected points,
    where it has any. A higher level needs more of the points: the first level counts the best point, the highest all of
    them, and those between a number in proportion. A criterion with two levels counts the best point.
    """
    gains = sorted((point.similarity_gain for point in points), reverse=True)
    recalls = sorted((point.term_recall for point in points), reverse=True)
    last = len(verdicts) - 1
    signals = []
    for step, (level, verdict) in enumerate(zip(criterion.levels[1:], verdicts, strict=True)):
        text = level.description.strip()
        share = step / last if last else 0.0
        # Round half up; round() would go to the even number.
        count = 1 + math.floor(share * (len(points) - 1) + 0.5) if points else 0
        signals.append(
            LevelSignals(
                judge=verdict.log_odds - verdict.baseline_log_odds,
                verifier=statements.verified.get(text),
                similarity_gain=_average_with_points(statements.matches[text].similarity_gain, gains[:count]),
                term_recall=_average_with_points(statements.recalls[text], recalls[:count]),
                rouge1_recall=rouge.rouge1_recall,
            )
        )
    return tuple(signals)


def _average_with_points(of_level: float, of_points: Sequence[float]) -> float:
    """The mean of a level's value and the mean of its points' values; the former alone if there are no points."""
    return (of_level + fmean(of_points)) / 2 if of_points else of_level
