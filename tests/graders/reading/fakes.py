"""Stand-ins for the classifiers of sentences, and rubrics of one sentence."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vivavoce.evaluation.graded_answers import rubric_from_reference
from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.rubrics import Rubric

CERTAINTIES = ("plausible", "likely", "sure", "certain")


class ScriptedClassifier:
    """Recognises the sentences that it is given; `addressing` has the highest certainty at which each is recognised."""

    revision = "scripted 1"

    def __init__(self, filler: Collection[str] = (), addressing: dict[str, str] | None = None) -> None:
        self.filler = filler
        self.addressing = addressing or {}

    def is_filler(self, sentences: Sequence[str]) -> list[bool]:
        return [sentence in self.filler for sentence in sentences]

    def addresses_grader(self, sentences: Sequence[str], *, certainty: str) -> list[bool]:
        reached = CERTAINTIES[CERTAINTIES.index(certainty) :]
        return [self.addressing.get(sentence) in reached for sentence in sentences]


class ScriptedFilter:
    """Takes the sentences that it is given for relevant, and counts its calls."""

    revision = "scripted 1"

    def __init__(self, relevant: Collection[str]) -> None:
        self.relevant = relevant
        self.calls = 0

    def is_relevant(self, sentences: Sequence[str], rubric: Rubric) -> list[bool]:
        self.calls += 1
        return [sentence in self.relevant for sentence in sentences]


def build_rubric(question: str, key: str | list[str]) -> Rubric:
    """A rubric whose key is the reference, in the language of the reference."""
    language = detect_language(key if isinstance(key, str) else key[0])
    return rubric_from_reference({"question": question, "reference": key, "lang": language})
