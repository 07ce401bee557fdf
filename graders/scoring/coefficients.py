"""The weights of the signals: what they are, their file, and which of them apply to a criterion."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from vivavoce.rubrics import Criterion, Language, Question

from ..errors import UnreadableGrades
from ..types import Strictness
from .confidence import ConfidenceWeights, UncertaintyFeatures

# Each signal, and what of LevelSignals it consists of.
PARTS: Mapping[str, tuple[str, ...]] = {
    "judge": ("judge",),
    "verifier": ("verifier",),
    "embedding": ("similarity_gain",),
    "rouge": ("term_recall", "rouge1_recall"),
}
SIGNALS = tuple(PARTS)
FEATURES = tuple(itertools.chain.from_iterable(PARTS.values()))
COEFFICIENTS = Path(__file__).parent / "coefficients.yaml"
# What a level is worth: points, points off for a mistake, or that the other points are not capped.
LevelKind = Literal["merit", "mistake", "gate"]


@dataclass(frozen=True)
class Weights:
    """Intercept and weights by feature; `means` are what each was on average where they were fitted.

    `lapse_rate` (0 to below .5) is the share of levels on which people disagree with the signals, however clear these
    are. `zh_offsets` has how much larger features are for the same answer in Chinese (0 where it has none); intercept
    and means are for English.
    """

    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]
    lapse_rate: float = 0.0
    zh_offsets: Mapping[str, float] = field(default_factory=dict)

    def for_language(self, language: Language) -> Weights:
        """The weights for answers in a language, whose intercept and means then need no more to be known."""
        if language == "en":
            return self
        more = {name: self.zh_offsets.get(name, 0.0) for name in self.weights}
        return replace(
            self,
            intercept=self.intercept - sum(weight * more[name] for name, weight in self.weights.items()),
            means={name: mean + more[name] for name, mean in self.means.items()},
            zh_offsets={},
        )

    def with_lapses(self, sure: float) -> float:
        """The probability (0 to 1) of what would have the probability `sure` if nobody ever lapsed."""
        return self.lapse_rate + (1 - 2 * self.lapse_rate) * sure


@dataclass(frozen=True)
class CombinerWeights:
    """How the signals are weighed: one way for what earns points, another for mistakes; and how sure that makes.

    `confidence` is None until it is fitted to scores of answers that the rest was not fitted to. `grades` is how many
    of a customer's own grades the weights were moved towards.
    """

    merit: Weights
    mistake: Weights
    confidence: ConfidenceWeights | None = None
    grades: int = 0

    def confidence_in(self, uncertainty: UncertaintyFeatures) -> float:
        """The confidence (0 to 1) in a score with such doubts; raises ValueError before it is fitted."""
        if self.confidence is None:
            raise ValueError("these coefficients have no confidence yet")
        return self.confidence.predict(uncertainty)


@dataclass(frozen=True, kw_only=True)
class Coefficients(CombinerWeights):
    """The weights for all questions, and those of questions that have their own, by identifier.

    No two that differ have the same version.
    """

    version: str
    questions: Mapping[str, CombinerWeights] = field(default_factory=dict)

    def for_criterion(self, criterion: Criterion, question: Question) -> Weights:
        """The weights for the levels of a question's criterion, in its language."""
        return self.weights_for(level_kind(criterion), question.id, question.language)

    def weights_for(self, kind: LevelKind, question_id: str, language: Language) -> Weights:
        """The weights for levels of a kind, of a question, in a language."""
        own = self.for_question(question_id)
        weights = own.mistake if kind == "mistake" else own.merit
        if kind == "gate":
            # It gives no points of which the middle could be the safest guess; it would take some from everybody.
            weights = replace(weights, lapse_rate=0.0)
        return weights.for_language(language)

    @property
    def general(self) -> CombinerWeights:
        """The weights for all questions that have none of their own."""
        return CombinerWeights(self.merit, self.mistake, self.confidence, self.grades)

    def for_question(self, question_id: str) -> CombinerWeights:
        """How the signals of a question are weighed."""
        return self.questions.get(question_id) or self.general

    def strictness(self, question_id: str) -> Strictness:
        """Whose strictness the scores of a question have."""
        if self.for_question(question_id).grades:
            return "calibrated"
        return "bank" if question_id in self.questions else "unknown"

    def uses_signal(self, signal: str, question_id: str) -> bool:
        """Whether a signal of SIGNALS has any weight for a question."""
        own = self.for_question(question_id)
        return any(weights.weights[name] for weights in (own.merit, own.mistake) for name in PARTS[signal])


@cache
def default_coefficients() -> Coefficients:
    """The coefficients that ship with vivavoce."""
    return read_coefficients(COEFFICIENTS)


def read_coefficients(path: Path) -> Coefficients:
    """The coefficients in a YAML file that `viva calibrate` wrote; raises UnreadableGrades for one that has none."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        own = {str(name): CombinerWeights(**_parts(each)) for name, each in (data.get("questions") or {}).items()}
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
    shared: list[tuple[CombinerWeights, dict[str, Any]]] = []

    def document_of(weights: CombinerWeights) -> dict[str, Any]:
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
        lapse_rate=float(data["lapse_rate"]),
        zh_offsets={str(name): float(more) for name, more in data["zh_offsets"].items()},
    )
