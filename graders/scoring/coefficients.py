"""The coefficients of the combiner: weights of the signals, their file, and which of them apply to a criterion."""

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

# Each signal with its features, which are fields of LevelSignals.
PARTS: Mapping[str, tuple[str, ...]] = {
    "judge": ("judge",),
    "verifier": ("verifier",),
    "embedding": ("similarity_gain",),
    "rouge": ("term_recall", "rouge1_recall"),
}
SIGNALS = tuple(PARTS)
FEATURES = tuple(itertools.chain.from_iterable(PARTS.values()))
COEFFICIENTS = Path(__file__).parent / "coefficients.yaml"
# A level earns points, costs points, or lifts a cap.
LevelKind = Literal["merit", "mistake", "gate"]


@dataclass(frozen=True)
class Weights:
    """A logistic regression for one kind of level: intercept and weight per feature, in logits (natural logarithm).

    `means` are the feature means of the training data. `lapse_rate` (0 to below .5) is the share of levels on which
    people disagree with the signals, however clear these are. Intercept and means are for English; `zh_offsets` is how
    much larger each feature is for the same answer in Chinese (0 where it has no entry).
    """

    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]
    lapse_rate: float = 0.0
    zh_offsets: Mapping[str, float] = field(default_factory=dict)

    def for_language(self, language: Language) -> Weights:
        """The weights for answers in a language, with the offsets folded into intercept and means."""
        if language == "en":
            return self
        offsets = {name: self.zh_offsets.get(name, 0.0) for name in self.weights}
        return replace(
            self,
            intercept=self.intercept - sum(weight * offsets[name] for name, weight in self.weights.items()),
            means={name: mean + offsets[name] for name, mean in self.means.items()},
            # They are folded in; a second call must add nothing.
            zh_offsets={},
        )

    def with_lapses(self, probability: float) -> float:
        """The probability (0 to 1) after lapses, given what it would be if people never lapsed."""
        return self.lapse_rate + (1 - 2 * self.lapse_rate) * probability


@dataclass(frozen=True)
class CombinerWeights:
    """The weights for one group of questions: for levels that earn points, for mistakes, and for the confidence.

    `confidence` is None until it is fitted, to scores of answers that `merit` and `mistake` were not fitted to.
    `grades` is the number of the customer's own grades that the weights were fitted to.
    """

    merit: Weights
    mistake: Weights
    confidence: ConfidenceWeights | None = None
    grades: int = 0

    def confidence_in(self, uncertainty: UncertaintyFeatures) -> float:
        """The confidence (0 to 1) in a score with these features; raises ValueError if it is not fitted yet."""
        if self.confidence is None:
            raise ValueError("these coefficients have no confidence yet")
        return self.confidence.predict(uncertainty)


@dataclass(frozen=True, kw_only=True)
class Coefficients(CombinerWeights):
    """The weights for questions in general, and by identifier those of questions that have their own.

    Different coefficients have different versions.
    """

    version: str
    questions: Mapping[str, CombinerWeights] = field(default_factory=dict)

    def for_criterion(self, criterion: Criterion, question: Question) -> Weights:
        """The weights for the levels of a question's criterion, in the question's language."""
        return self.weights_for(level_kind(criterion), question.id, question.language)

    def weights_for(self, kind: LevelKind, question_id: str, language: Language) -> Weights:
        """The weights for levels of a kind, in answers to a question, in a language."""
        combiner = self.for_question(question_id)
        weights = combiner.mistake if kind == "mistake" else combiner.merit
        if kind == "gate":
            # With lapses, every answer would miss the gate a little.
            weights = replace(weights, lapse_rate=0.0)
        return weights.for_language(language)

    @property
    def general(self) -> CombinerWeights:
        """The weights for questions that have none of their own."""
        return CombinerWeights(self.merit, self.mistake, self.confidence, self.grades)

    def for_question(self, question_id: str) -> CombinerWeights:
        """The weights of a question: its own, or else the general ones."""
        return self.questions.get(question_id) or self.general

    def strictness(self, question_id: str) -> Strictness:
        """Whose grades the weights of a question were fitted to."""
        if self.for_question(question_id).grades:
            return "calibrated"
        return "bank" if question_id in self.questions else "unknown"

    def uses_signal(self, signal: str, question_id: str) -> bool:
        """Whether a signal of SIGNALS has a weight other than 0 for a question."""
        combiner = self.for_question(question_id)
        return any(weights.weights[name] for weights in (combiner.merit, combiner.mistake) for name in PARTS[signal])


@cache
def default_coefficients() -> Coefficients:
    """The coefficients that ship with vivavoce."""
    return read_coefficients(COEFFICIENTS)


def read_coefficients(path: Path) -> Coefficients:
    """Read coefficients from a YAML file that `viva calibrate` wrote.

    Raises UnreadableGrades if the file cannot be read, lacks a field, or has weights of unknown features.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        questions = {
            str(name): CombinerWeights(**_read_combiner(document))
            for name, document in (data.get("questions") or {}).items()
        }
        return Coefficients(version=str(data["version"]), questions=questions, **_read_combiner(data))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableGrades(
            f"{path} holds no coefficients ({type(error).__name__}: {error}): use a file that 'viva calibrate' of this "
            "version wrote, or leave VIVA_COEFFICIENTS empty."
        ) from None


def write_coefficients(path: Path, coefficients: Coefficients, *, origin: str) -> None:
    """Write a file that `read_coefficients` reads; `origin` says, in a comment, how and to what they were fitted."""
    shared: list[tuple[CombinerWeights, dict[str, Any]]] = []

    def describe_once(weights: CombinerWeights) -> dict[str, Any]:
        """Equal weights give the same dictionary, which YAML writes once and refers to."""
        for earlier, document in shared:
            if earlier == weights:
                return document
        shared.append((weights, asdict(weights)))
        return shared[-1][1]

    document = {
        "version": coefficients.version,
        **asdict(coefficients.general),
        "questions": {name: describe_once(weights) for name, weights in coefficients.questions.items()},
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    path.write_text(f"# Fitted {origin}.\n{text}", encoding="utf-8")


def level_kind(criterion: Criterion) -> LevelKind:
    """The kind of a criterion's levels, which decides the weights that apply to them."""
    if criterion.kind == "gate":
        return "gate"
    return "mistake" if criterion.kind == "negative" else "merit"


def _read_combiner(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of CombinerWeights; raises KeyError, TypeError or ValueError for data of another form."""
    confidence = {name: float(value) for name, value in data["confidence"].items()}
    weights = {name: _read_weights(data[name]) for name in ("merit", "mistake")}
    return {"confidence": ConfidenceWeights(**confidence), "grades": int(data.get("grades", 0)), **weights}


def _read_weights(data: Mapping[str, Any]) -> Weights:
    if unknown := sorted(set(data["weights"]) - set(FEATURES)):
        # The intercept was fitted with them: they cannot be dropped.
        raise ValueError(f"weights of {', '.join(unknown)}")
    return Weights(
        intercept=float(data["intercept"]),
        weights={name: float(data["weights"][name]) for name in FEATURES},
        means={name: float(data["means"][name]) for name in FEATURES},
        lapse_rate=float(data["lapse_rate"]),
        zh_offsets={str(name): float(offset) for name, offset in data["zh_offsets"].items()},
    )
