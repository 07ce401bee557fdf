"""Panels of graders that differ in one part from the one that needs no model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from vivavoce.graders import Panel
from vivavoce.graders.judge.voting import JudgePanel
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.reading.sentence_classifier import TrainedSentenceClassifier
from vivavoce.graders.scoring.confidence import ReviewPolicy, ReviewShare
from vivavoce.graders.testing import HASHING_COEFFICIENTS, HashingEmbedder, ScriptedJudge, WordVerifier, scripted_panel
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric


def changed(part: object, **values: object) -> object:
    """The part, with other values of its attributes."""
    for name, value in values.items():
        setattr(part, name, value)
    return part


class _Kinds:
    """Classifiers of sentences that recognise none."""

    revision = "kinds 1"

    def is_relevant(self, sentences: list[str], rubric: Rubric) -> list[bool]:
        return [True] * len(sentences)

    def is_filler(self, sentences: list[str]) -> list[bool]:
        return [False] * len(sentences)

    def addresses_grader(self, sentences: list[str], *, certainty: str) -> list[bool]:
        return [False] * len(sentences)


OTHER = EngineIdentity("scripted", "scripted", "2")
# One change of everything beside answer and rubric that decides a grade.
CHANGES: dict[str, dict[str, object]] = {
    "engine": {"judge": changed(ScriptedJudge(), identity=EngineIdentity("vllm", "scripted", "1"))},
    "model": {"judge": changed(ScriptedJudge(), identity=EngineIdentity("scripted", "other", "1"))},
    "model_revision": {"judge": changed(ScriptedJudge(), identity=OTHER)},
    "prompt_hash": {"judge": changed(ScriptedJudge(), prompt_hash=lambda rubric: "2")},
    "prompt_form": {"judge": changed(ScriptedJudge(), form="explained/criterion/brief")},
    "samples": {"judge": JudgePanel([ScriptedJudge(), ScriptedJudge()], quorum=1)},
    "quorum": {"judge": changed(ScriptedJudge(), quorum=2)},
    "verifier_model": {"verifier": changed(WordVerifier(), name="other")},
    "verifier_revision": {"verifier": changed(WordVerifier(), revision="2")},
    "embedding_model": {"embedder": changed(HashingEmbedder(), name="other")},
    "embedding_revision": {"embedder": changed(HashingEmbedder(), revision="2")},
    "relevance_revision": {"relevance": _Kinds()},
    "screening_revision": {"sentence_classifier": _Kinds()},
    "combiner_version": {"coefficients": replace(HASHING_COEFFICIENTS, version="other")},
    "review_bound": {"review": ReviewPolicy(below=0.3)},
    "review_share": {"review": ReviewShare(0.2)},
    "pass_mark": {"review": ReviewPolicy(below=0.0, pass_mark=6)},
    "pass_margin": {"review": ReviewPolicy(below=0.0, pass_margin=1)},
}


def changed_panel(part: str) -> Panel:
    """The scripted panel with one part of CHANGES."""
    return replace(scripted_panel(), **CHANGES[part])  # type: ignore[arg-type]


@cache
def trained_classifier() -> TrainedSentenceClassifier:
    """The classifiers of sentences that ship with vivavoce, loaded once."""
    return TrainedSentenceClassifier(build_embedder(NANO_E5))
