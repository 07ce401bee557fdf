"""From four signals to points: how probable each level of each criterion is, and what the sum comes to.

For each level above the lowest, logit P(level reached) is a weighted sum of what the graders found (`LevelSignals`),
less a lapse: people's word is now and then another, whatever was found, so that no probability comes nearer to 0 or 1
than this share (the lapse rate of Wichmann and Hill 2001, "The psychometric function I"). The probabilities of the
levels are the differences of those of reaching them (Frank and Hall 2001, "A Simple Approach to Ordinal
Classification"), and points are their expectation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from vivavoce.rubrics import Criterion, Language, Question, Rubric, SignalWeights, total_share

from .confidence import ConfidenceWeights, Doubts
from .errors import UnreadableGrades
from .types import MAX_SCORE, LevelSignals, Strictness

# Each signal, and what of LevelSignals it consists of.
PARTS: Mapping[str, tuple[str, ...]] = {
    "judge": ("judge",),
    "verifier": ("verifier",),
    "embedding": ("lift",),
    "rouge": ("recall", "overlap"),
}
SIGNALS = tuple(PARTS)
FEATURES = tuple(itertools.chain.from_iterable(PARTS.values()))
COEFFICIENTS = Path(__file__).parent / "coefficients.yaml"
# What a level is worth: points, points off for a mistake, or that the other points are not capped.
LevelKind = Literal["merit", "mistake", "gate"]


@dataclass(frozen=True)
class Weights:
    """Intercept and weights by feature; `means` are what each was on average where they were fitted.

    `lapse` (0 to below .5) is the share of levels about which people's word is the contrary, however sure the rest.
    `chinese` is how much larger features are for the same answer in Chinese, 0 for one that it does not name; intercept
    and means are those of English.
    """

    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]
    lapse: float = 0.0
    chinese: Mapping[str, float] = field(default_factory=dict)

    def in_language(self, language: Language) -> Weights:
        """The weights for answers in a language, whose intercept and means then need no more to be known."""
        if language == "en":
            return self
        more = {name: self.chinese.get(name, 0.0) for name in self.weights}
        return replace(
            self,
            intercept=self.intercept - sum(weight * more[name] for name, weight in self.weights.items()),
            means={name: mean + more[name] for name, mean in self.means.items()},
            chinese={},
        )

    def chance(self, sure: float) -> float:
        """The probability (0 to 1) of what would have the probability `sure` if nobody ever lapsed."""
        return self.lapse + (1 - 2 * self.lapse) * sure


@dataclass(frozen=True)
class KindWeights:
    """How the signals are weighed: one way for what earns points, another for mistakes; and how sure that makes.

    `confidence` is None until it is fitted to scores of answers that the rest was not fitted to. `grades` is how many
    of a customer's own grades the weights were moved towards.
    """

    merit: Weights
    mistake: Weights
    confidence: ConfidenceWeights | None = None
    grades: int = 0

    def sure(self, doubts: Doubts) -> float:
        """The confidence (0 to 1) in a score with such doubts; raises ValueError before it is fitted."""
        if self.confidence is None:
            raise ValueError("these coefficients have no confidence yet")
        return self.confidence.of(doubts)


@dataclass(frozen=True, kw_only=True)
class Coefficients(KindWeights):
    """The weights for all questions, and those of questions that have their own, by identifier.

    No two that differ have the same version.
    """

    version: str
    questions: Mapping[str, KindWeights] = field(default_factory=dict)

    def of(self, criterion: Criterion, question: Question) -> Weights:
        """The weights for the levels of a question's criterion, in its language."""
        return self.weights_for(level_kind(criterion), question.id, question.language)

    def weights_for(self, kind: LevelKind, question_id: str, language: Language) -> Weights:
        """The weights for levels of a kind, of a question, in a language."""
        own = self.weighing(question_id)
        weights = own.mistake if kind == "mistake" else own.merit
        if kind == "gate":
            # It gives no points of which the middle could be the safest guess; it would take some from everybody.
            weights = replace(weights, lapse=0.0)
        return weights.in_language(language)

    @property
    def general(self) -> KindWeights:
        """The weights for all questions that have none of their own."""
        return KindWeights(self.merit, self.mistake, self.confidence, self.grades)

    def weighing(self, question_id: str) -> KindWeights:
        """How the signals of a question are weighed."""
        return self.questions.get(question_id) or self.general

    def strictness(self, question_id: str) -> Strictness:
        """Whose strictness the scores of a question have."""
        if self.weighing(question_id).grades:
            return "calibrated"
        return "bank" if question_id in self.questions else "unknown"

    def count(self, signal: str, question_id: str) -> bool:
        """Whether a signal of SIGNALS has any weight for a question."""
        own = self.weighing(question_id)
        return any(weights.weights[name] for weights in (own.merit, own.mistake) for name in PARTS[signal])


@dataclass(frozen=True)
class Total:
    """The sum over criteria, on 0 to 10, and the standard deviation that the probabilities leave it."""

    score: float
    deviation: float


@cache
def default_coefficients() -> Coefficients:
    """The coefficients that ship with vivavoce."""
    return read_coefficients(COEFFICIENTS)


def read_coefficients(path: Path) -> Coefficients:
    """The coefficients in a YAML file that `viva calibrate` wrote; raises UnreadableGrades for one that has none."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        own = {str(name): KindWeights(**_parts(each)) for name, each in (data.get("questions") or {}).items()}
        return Coefficients(version=str(data["version"]), questions=own, **_parts(data))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableGrades(
            f"{path} holds no coefficients ({type(error).__name__}: {error}): name a file that 'viva calibrate' of "
            "this version wrote, or leave VIVA_COEFFICIENTS empty."
        ) from None


def write_coefficients(path: Path, coefficients: Coefficients, *, origin: str) -> None:
    """Write a file that `read_coefficients` reads; `origin` says what they were fitted to, and with what.

    Questions that share their weights name them once.
    """
    shared: list[tuple[KindWeights, dict[str, Any]]] = []

    def document_of(weights: KindWeights) -> dict[str, Any]:
        for known, document in shared:
            if known == weights:
                return document
        shared.append((weights, asdict(weights)))
        return shared[-1][1]

    document = {
        "version": coefficients.version,
        **asdict(coefficients.general),
        "questions": {name: document_of(weights) for name, weights in coefficients.questions.items()},
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    path.write_text(f"# Fitted {origin}.\n{text}", encoding="utf-8")


def level_kind(criterion: Criterion) -> LevelKind:
    """What the levels of a criterion are worth."""
    if criterion.kind == "gate":
        return "gate"
    return "mistake" if criterion.kind == "negative" else "merit"


def level_probabilities(
    signals: Sequence[LevelSignals],
    weights: Weights,
    *,
    using: Sequence[str] = SIGNALS,
    by_hand: SignalWeights | None = None,
) -> tuple[float, ...]:
    """Probability of each level, lowest first, summing to 1.

    `signals` has an entry for each level above the lowest. Signals not named in `using` are held at
    their mean, which shows what the others alone would say. Weights set `by_hand` mix what each signal alone says
    (the linear opinion pool: Stone 1961, "The Opinion Pool") instead of weighing the signals as they were fitted.
    """
    found = [_pooled(level, weights, using, by_hand) if by_hand else _alone(level, weights, using) for level in signals]
    reached = [1.0, *_falling(found), 0.0]
    return tuple(high - low for high, low in itertools.pairwise(reached))


def _falling(chances: Sequence[float]) -> list[float]:
    """A curve that never rises, midway between the highest such curve below and the lowest above.

    To be on a level is to have reached those below it; and a lower level's "exactly one" is denied of an answer that
    has two, which speaks against neither.
    """
    below = itertools.accumulate(chances, min)
    above = reversed(list(itertools.accumulate(reversed(chances), max)))
    return [(low + high) / 2 for low, high in zip(below, above, strict=True)]


def all_probabilities(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    *,
    using: Sequence[str] = SIGNALS,
) -> dict[str, tuple[float, ...]]:
    """`level_probabilities` of every criterion that has signals, by its identifier."""
    return {
        criterion.id: level_probabilities(
            signals[criterion.id], coefficients.of(criterion, rubric.question), using=using, by_hand=rubric.weights
        )
        for criterion in rubric.criteria
        if criterion.id in signals
    }


def total(rubric: Rubric, probabilities: Mapping[str, Sequence[float]]) -> Total:
    """The score over the criteria that have probabilities.

    Points are expectations; a gate holds with the probability of its highest level (see `rubrics.total_share`).
    """
    points: dict[str, float] = {}
    gates_met: dict[str, float] = {}
    variance = 0.0
    for criterion in rubric.criteria:
        chances = probabilities.get(criterion.id)
        if chances is None:
            continue
        if criterion.kind == "gate":
            gates_met[criterion.id] = chances[-1]
            continue
        mean, spread = moments([level.points for level in criterion.levels], chances)
        points[criterion.id] = mean
        variance += spread
    share = total_share(rubric, points, gates_met, deviation=math.sqrt(variance))
    return Total(score=MAX_SCORE * share.share, deviation=MAX_SCORE * share.deviation)


def moments(points: Sequence[float], probabilities: Sequence[float]) -> tuple[float, float]:
    """Expectation and variance of the points of a criterion whose levels have these points and probabilities."""
    mean = sum(chance * worth for chance, worth in zip(probabilities, points, strict=True))
    return mean, sum(chance * (worth - mean) ** 2 for chance, worth in zip(probabilities, points, strict=True))


def contributions(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
) -> dict[str, float]:
    """Points of the score (0 to 10) that each signal added or took, in the order of SIGNALS.

    `baseline` is the score with every signal at its mean; all of them sum to the score before rounding.
    """
    found: dict[str, float] = {}
    before = _score_using(rubric, signals, coefficients, ())
    found["baseline"] = before
    for count, name in enumerate(SIGNALS, start=1):
        after = _score_using(rubric, signals, coefficients, SIGNALS[:count])
        found[name] = after - before
        before = after
    return {name: round(value, 3) for name, value in found.items()}


def score_of(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients, name: str
) -> float:
    """The score (0 to 10) that one signal alone suggests, the others being as they are on average."""
    return _score_using(rubric, signals, coefficients, (name,))


def score_without_judge(
    rubric: Rubric, signals: Mapping[str, Sequence[LevelSignals]], coefficients: Coefficients
) -> float:
    """The score (0 to 10) that all signals but the judge suggest."""
    return _score_using(rubric, signals, coefficients, SIGNALS[1:])


def _score_using(
    rubric: Rubric,
    signals: Mapping[str, Sequence[LevelSignals]],
    coefficients: Coefficients,
    using: Sequence[str],
) -> float:
    return total(rubric, all_probabilities(rubric, signals, coefficients, using=using)).score


def _logit(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    found = weights.intercept
    for signal, features in PARTS.items():
        for name in features:
            value = getattr(level, name) if signal in using else weights.means[name]
            found += weights.weights[name] * (weights.means[name] if value is None else value)
    return found


def _alone(level: LevelSignals, weights: Weights, using: Sequence[str]) -> float:
    return weights.chance(_sigmoid(_logit(level, weights, using)))


def _pooled(level: LevelSignals, weights: Weights, using: Sequence[str], by_hand: SignalWeights) -> float:
    shares: dict[str, float] = by_hand.model_dump()
    alone = {name: _alone(level, weights, (name,) if name in using else ()) for name in shares}
    return sum(share * alone[name] for name, share in shares.items()) / sum(shares.values())


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))


def _parts(data: Mapping[str, Any]) -> dict[str, Any]:
    sure = {name: float(value) for name, value in data["confidence"].items()}
    kinds = {name: _weights(data[name]) for name in ("merit", "mistake")}
    return {"confidence": ConfidenceWeights(**sure), "grades": int(data.get("grades", 0)), **kinds}


def _weights(data: Mapping[str, Any]) -> Weights:
    if other := sorted(set(data["weights"]) - set(FEATURES)):
        # An intercept that was fitted beside them would be wrong alone.
        raise ValueError(f"weights of {', '.join(other)}")
    return Weights(
        intercept=float(data["intercept"]),
        weights={name: float(data["weights"][name]) for name in FEATURES},
        means={name: float(data["means"][name]) for name in FEATURES},
        lapse=float(data["lapse"]),
        chinese={str(name): float(more) for name, more in data["chinese"].items()},
    )
