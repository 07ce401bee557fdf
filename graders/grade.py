"""The only way in: `grade` takes answers, a rubric and a panel, and returns a report for each answer.

It knows no database, no web and no queue. The same answers, rubric and panel give the same reports.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vivavoce.rubrics import Criterion, Rubric, content_hash

from . import combine, confidence, feedback, lexical, text
from .combine import LevelSignals
from .embedding import PointMatch, Vectors, match_points
from .errors import JudgeFailure
from .judge.judging import AnswerVerdicts
from .panel import Panel
from .screening import Screening, screen
from .text import NormalText
from .types import (
    MAX_SCORE,
    AnswerInput,
    CriterionResult,
    Evidence,
    Flag,
    PointResult,
    Provenance,
    Report,
)

# The signals disagree when judge and overlap are this many points of 10 apart.
_DISAGREEMENT = 5.0
_POINT_FOUND = 0.5
# Off topic: no sentence comes nearer to any expected point than the question does, none of their
# telling words is used, and the judge found nothing either.
_OFF_TOPIC_LIFT = 0.0
_OFF_TOPIC_RECALL = 0.1
_OFF_TOPIC_SCORE = 2.5


def answer_hash(raw: str) -> str:
    """SHA-256 (64 hex digits) of an answer in normal form: what decides whether two are the same."""
    return hashlib.sha256(text.normalise(raw).text.encode("utf-8")).hexdigest()


def grade(answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel) -> list[Report]:
    """Grade answers to one question, in one language, together.

    Returns one report an answer, in order. A failure of the judge is in the report as an
    `unscored_reason`; nothing is raised for it and no score is made up.
    """
    read = [_Reading.of(answer, rubric) for answer in answers]
    open_ones = [reading for reading in read if reading.screening.settled is None]
    evidence = iter(_collect(open_ones, rubric, panel))
    return [
        _settled_report(reading, rubric, panel, reading.screening.settled)
        if reading.screening.settled
        else _report(reading, next(evidence), rubric, panel)
        for reading in read
    ]


def read_signals(
    answers: Sequence[AnswerInput], rubric: Rubric, panel: Panel
) -> list[dict[str, list[LevelSignals]] | None]:
    """The signals by criterion that `grade` would combine, for fitting coefficients to people's grades.

    None stands for an answer that screening settled or that the judge failed on.
    """
    read = [_Reading.of(answer, rubric) for answer in answers]
    found = iter(_collect([r for r in read if r.screening.settled is None], rubric, panel))
    result: list[dict[str, list[LevelSignals]] | None] = []
    for reading in read:
        signals = next(found) if reading.screening.settled is None else None
        if signals is None or signals.verdicts.failures:
            result.append(None)
        else:
            result.append({c.id: _level_signals(c, rubric, signals) for c in rubric.criteria})
    return result


@dataclass(frozen=True)
class _Reading:
    """An answer in normal form, screened, with the part that models may read."""

    answer: AnswerInput
    normal: NormalText
    screening: Screening

    @classmethod
    def of(cls, answer: AnswerInput, rubric: Rubric) -> _Reading:
        normal = text.normalise(answer.raw)
        return cls(answer=answer, normal=normal, screening=screen(normal, rubric))

    @property
    def sentences(self) -> list[str]:
        return [self.normal.text[start:end] for start, end in self.screening.sentences]

    def evidence(self, span: tuple[int, int]) -> Evidence:
        start, end = self.normal.raw_span(*span)
        return Evidence(start=start, end=end, quote=self.answer.raw[start:end])

    def language(self, rubric: Rubric) -> feedback.FeedbackLanguage:
        return self.answer.feedback_language or rubric.question.language


@dataclass(frozen=True)
class _Signals:
    """What the graders found in one answer; matches and recalls are by expected point."""

    matches: Mapping[str, PointMatch]
    recalls: Mapping[str, float]
    rouge: lexical.RougeScores
    verdicts: AnswerVerdicts


def _collect(readings: Sequence[_Reading], rubric: Rubric, panel: Panel) -> list[_Signals]:
    """The signals of each answer; embeddings in one pass, the judge in one fan-out."""
    if not readings:
        return []
    question = rubric.question.text
    references = [reference.text for reference in rubric.references]
    windows = [_windows(reading.sentences) for reading in readings]
    points = [point.text for point in rubric.expected_points]
    vectors = _embed(panel, [question, *points, *(window for each in windows for window in each)])
    verdicts = panel.judge.judge([_numbered(reading.sentences) for reading in readings], rubric)
    found = []
    for reading, own_windows, verdict in zip(readings, windows, verdicts, strict=True):
        said = "\n".join(reading.sentences)
        matches = match_points(
            windows=vectors.rows(own_windows),
            points=vectors.rows(points),
            question=vectors.rows([question])[0],
        )
        found.append(
            _Signals(
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


def _numbered(sentences: Sequence[str]) -> str:
    return "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(sentences, start=1))


def _level_signals(criterion: Criterion, rubric: Rubric, signals: _Signals) -> list[LevelSignals]:
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


def _report(reading: _Reading, signals: _Signals, rubric: Rubric, panel: Panel) -> Report:
    language = reading.language(rubric)
    levels = {
        criterion.id: _level_signals(criterion, rubric, signals)
        for criterion in rubric.criteria
        if criterion.id in signals.verdicts.levels
    }
    probabilities = {name: combine.level_probabilities(found, panel.coefficients) for name, found in levels.items()}
    criteria = tuple(
        _judged(criterion, probabilities[criterion.id], reading, signals, rubric)
        if criterion.id in probabilities
        else _unjudged(criterion, signals.verdicts.failures[criterion.id], language)
        for criterion in rubric.criteria
    )
    summed = combine.total(rubric, probabilities)
    judge_score = combine.score_of_judge(rubric, levels, panel.coefficients)
    other_score = combine.score_without_judge(rubric, levels, panel.coefficients)
    sd = confidence.spread(deviation=summed.deviation, judge_score=judge_score, other_score=other_score)
    failure = next(iter(signals.verdicts.failures.values()), None)
    flags = list(reading.screening.flags)
    if failure is None and _is_off_topic(signals, summed.score):
        flags.append(Flag.OFF_TOPIC)
        return _settled_report(reading, rubric, panel, Flag.OFF_TOPIC, tuple(flags), signals)
    if abs(judge_score - other_score) >= _DISAGREEMENT:
        flags.append(Flag.SIGNALS_DISAGREE)
    sure = confidence.confidence(sd)
    if sure < panel.review_below:
        flags.append(Flag.LOW_CONFIDENCE)
    if signals.verdicts.defused and Flag.INJECTION_SUSPECTED not in flags:
        flags.append(Flag.INJECTION_SUSPECTED)
    score = None if failure else round(summed.score, 1)
    low, high = _bounds(rubric, probabilities, sd)
    masked = tuple(reading.evidence(span) for span in reading.screening.masked)
    return Report(
        score=score,
        score_min=round(low, 1),
        score_max=round(high, 1),
        coverage=round(_coverage(rubric, probabilities), 3),
        confidence=round(sure, 3) if failure is None else 0.0,
        needs_review=failure is not None or bool(set(flags) - {Flag.HIDDEN_CHARACTERS}),
        flags=tuple(flags),
        criteria=criteria,
        signals=_named_signals(signals, judge_score=judge_score),
        contributions=combine.contributions(rubric, levels, panel.coefficients) if not failure else {},
        feedback=feedback.compose(
            criteria, language=language, settled=None, masked_quotes=[item.quote for item in masked]
        ),
        provenance=_provenance(reading, rubric, panel, signals.verdicts),
        masked=masked,
        unscored_reason=failure.reason if failure else None,
        unscored_detail=failure.detail if failure else None,
    )


def _judged(
    criterion: Criterion,
    probabilities: tuple[float, ...],
    reading: _Reading,
    signals: _Signals,
    rubric: Rubric,
) -> CriterionResult:
    points = tuple(
        PointResult(
            id=point.id,
            text=point.text,
            importance=point.importance,
            found=found,
            evidence=_nearest(reading, signals.matches[point.id]) if found else None,
        )
        for point in rubric.points_expected_for(criterion.id)
        for found in [_is_found(signals, point.id, probabilities)]
    )
    evidence = tuple(dict.fromkeys(point.evidence for point in points if point.evidence))
    earned = combine.expected_points(criterion, probabilities)
    share = probabilities[-1] if criterion.points == 0 else earned / criterion.points
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        kind=criterion.kind,
        max_points=float(criterion.points),
        level=max(range(len(probabilities)), key=probabilities.__getitem__),
        points=round(earned, 3),
        probabilities=tuple(round(chance, 4) for chance in probabilities),
        reason=feedback.reason(
            language=reading.language(rubric),
            kind=criterion.kind,
            share=share,
            quote=evidence[0].quote if evidence else None,
        ),
        evidence=evidence,
        expected_points=points,
    )


def _unjudged(criterion: Criterion, failure: JudgeFailure, language: feedback.FeedbackLanguage) -> CriterionResult:
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        kind=criterion.kind,
        max_points=float(criterion.points),
        level=None,
        points=None,
        probabilities=None,
        reason=feedback.unscored_reason(language=language, why=str(failure)),
        unscored_reason=failure.reason,
    )


def _is_found(signals: _Signals, point_id: str, probabilities: Sequence[float]) -> bool:
    """A point counts as found when its criterion is likely reached at all and a sentence comes near it."""
    return 1 - probabilities[0] >= _POINT_FOUND and (
        signals.matches[point_id].lift > 0 or signals.recalls[point_id] > 0.3
    )


def _nearest(reading: _Reading, match: PointMatch) -> Evidence:
    """The sentence, or pair of neighbours, of the best window."""
    sentences = reading.screening.sentences
    if match.window < len(sentences):
        return reading.evidence(sentences[match.window])
    first = match.window - len(sentences)
    return reading.evidence((sentences[first][0], sentences[first + 1][1]))


def _is_off_topic(signals: _Signals, score: float) -> bool:
    return (
        score <= _OFF_TOPIC_SCORE
        and max(match.lift for match in signals.matches.values()) <= _OFF_TOPIC_LIFT
        and max(signals.recalls.values()) <= _OFF_TOPIC_RECALL
    )


def _bounds(rubric: Rubric, probabilities: Mapping[str, Sequence[float]], sd: float) -> tuple[float, float]:
    """What the score could be: unjudged criteria at their worst and best, judged ones in their likely range."""
    worst, best = dict(probabilities), dict(probabilities)
    for criterion in rubric.criteria:
        if criterion.id not in probabilities:
            lowest = (1.0,) + (0.0,) * (len(criterion.levels) - 1)
            worst[criterion.id], best[criterion.id] = lowest, lowest[::-1]
            if criterion.kind == "negative":
                worst[criterion.id], best[criterion.id] = lowest[::-1], lowest
    low, _ = confidence.likely_range(combine.total(rubric, worst).score, sd)
    _, high = confidence.likely_range(combine.total(rubric, best).score, sd)
    return low, high


def _coverage(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> float:
    """Share (0 to 1) of the rubric's points, gained or lost, that was judged."""
    weights = {criterion.id: abs(criterion.points) or 1.0 for criterion in rubric.criteria}
    return sum(weights[name] for name in probabilities) / sum(weights.values())


def _named_signals(signals: _Signals, *, judge_score: float) -> dict[str, float | None]:
    matches = list(signals.matches.values())
    return {
        "judge": round(judge_score / MAX_SCORE, 4) if signals.verdicts.levels else None,
        "embedding": round(sum(match.similarity for match in matches) / len(matches), 4),
        "point_recall": round(sum(signals.recalls.values()) / len(signals.recalls), 4),
        "rouge1": round(signals.rouge.rouge1, 4),
        "rouge2": round(signals.rouge.rouge2, 4),
        "rougeL": round(signals.rouge.rouge_l, 4),
    }


def _settled_report(
    reading: _Reading,
    rubric: Rubric,
    panel: Panel,
    fact: Flag,
    flags: tuple[Flag, ...] | None = None,
    signals: _Signals | None = None,
) -> Report:
    """The report on an answer that a fact about it makes worth 0."""
    language = reading.language(rubric)
    masked = tuple(reading.evidence(span) for span in reading.screening.masked)
    words = feedback.compose((), language=language, settled=fact, masked_quotes=[item.quote for item in masked])
    criteria = tuple(
        CriterionResult(
            id=criterion.id,
            title=criterion.title,
            kind=criterion.kind,
            max_points=float(criterion.points),
            level=0,
            points=0.0,
            probabilities=(1.0,) + (0.0,) * (len(criterion.levels) - 1),
            reason=words.candidate,
        )
        for criterion in rubric.criteria
    )
    found = reading.screening.flags if flags is None else flags
    return Report(
        score=0.0,
        score_min=0.0,
        score_max=0.0,
        coverage=1.0,
        confidence=1.0,
        needs_review=bool({Flag.INJECTION_SUSPECTED, Flag.OFF_TOPIC} & set(found)),
        flags=found,
        criteria=criteria,
        signals=_named_signals(signals, judge_score=0.0) if signals else {},
        contributions={},
        feedback=words,
        provenance=_provenance(reading, rubric, panel, signals.verdicts if signals else None),
        masked=masked,
    )


def _provenance(reading: _Reading, rubric: Rubric, panel: Panel, verdicts: AnswerVerdicts | None) -> Provenance:
    identity = panel.judge.identity
    calls = verdicts.calls if verdicts else ()
    return Provenance(
        rubric_hash=content_hash(rubric),
        answer_hash=hashlib.sha256(reading.normal.text.encode("utf-8")).hexdigest(),
        prompt_hash=panel.judge.prompt_hash(rubric),
        engine=identity.engine,
        model=identity.model,
        model_revision=identity.revision,
        embedding_model=panel.embedder.name,
        embedding_revision=panel.embedder.revision,
        combiner_version=panel.coefficients.version,
        judge_calls=len(calls),
        cached_verdicts=verdicts.cached if verdicts else 0,
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_cached=sum(call.tokens_cached for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        judge_seconds=round(sum(call.seconds for call in calls), 3),
        cost=0.0,
    )
