"""Versions of an answer: with worthless text added, built up, rewritten, mirrored or attacked."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from vivavoce.graders.reading.normal_text import STOP_WORDS, has_han, words
from vivavoce.graders.reading.terms import terms
from vivavoce.rubrics import Rubric

from ..attacks import Attack, Target, carry_out
from ..perturbations import REWRITINGS
from ..presentations import PRESENTATIONS
from .samples import MIRROR_KINDS, Sample

ADDITIONS = Path(__file__).parents[1] / "additions.yaml"
# The others give the same prompts.
_PRESENTED = ("html", "transcript")
_BUILT = ("another answer", "keywords", "thrice")
_KEYWORDS = 14
# In characters; longer pieces are sentences.
_MAX_KEYWORD = 8
_BETWEEN_FUNCTION_WORDS = re.compile(rf"[\W{''.join(word for word in STOP_WORDS if has_han(word))}]+")

Family = Literal["added", "built", "rewritten", "attack", "mirror"]
AnswersByQuestion = Mapping[str, Mapping[str, str]]
"""Excellent answers by language and question."""


@dataclass(frozen=True)
class Version:
    """An answer in another form."""

    family: Family
    kind: str
    text: str


def write_versions(sample: Sample, good_answers: AnswersByQuestion, *, seed: int) -> list[Version]:
    """Every version of an answer that differs from it, the same ones for the same seed."""
    question = sample.rubric.question
    # With the answer in the seed, versions do not depend on other samples.
    generator = random.Random(f"{seed}/{question.id}/{sample.answer}")
    versions = [
        Version("added", kind, _add_text(sample.answer, generator.choice(texts), generator))
        for kind, texts in load_additions()[question.language].items()
    ]
    others = [answer for name, answer in good_answers[question.language].items() if name != question.id]
    if others:
        added = _add_text(sample.answer, generator.choice(others), generator)
        versions.append(Version("built", "another answer", added))
    versions.append(Version("built", "keywords", _add_text(sample.answer, list_keywords(sample.rubric), generator)))
    versions.append(Version("built", "thrice", "\n".join([sample.answer] * 3)))
    versions += [Version("rewritten", name, rewrite(sample.answer)) for name, rewrite in REWRITINGS.items()]
    versions += [Version("rewritten", name, PRESENTATIONS[name](sample.answer)) for name in _PRESENTED]
    versions += [Version("mirror", kind, text) for kind, text in sample.mirrors.items()]
    return [version for version in versions if version.text != sample.answer]


def attack_answer(
    sample: Sample, attacks: Iterable[Attack], good_answers: AnswersByQuestion, *, seed: int
) -> list[Version]:
    """The versions of an answer under each of the attacks; the `set` of an attack is the version's kind."""
    question = sample.rubric.question
    generator = random.Random(f"{seed}/{question.id}/{sample.answer}")
    target = Target(
        answer=sample.answer,
        rubric=sample.rubric,
        # Without the heading: operators bring sentences of their own.
        keywords=re.sub("^[^:：]+[:：] ?", "", list_keywords(sample.rubric)),
        another_answer=next(
            (answer for name, answer in good_answers[question.language].items() if name != question.id), ""
        ),
    )
    return [Version("attack", attack.set, carry_out(attack, target, generator)) for attack in attacks]


def list_keywords(rubric: Rubric) -> str:
    """Content words of the expected points, the longest first, as a list that forms no sentence."""
    if rubric.question.language == "zh":
        pieces = [piece for point in rubric.expected_points for piece in _BETWEEN_FUNCTION_WORDS.split(point.text)]
        keywords = [piece for piece in dict.fromkeys(pieces) if 2 <= len(piece) <= _MAX_KEYWORD]
        return "关键词：" + "、".join(sorted(keywords, key=len, reverse=True)[:_KEYWORDS])
    asked = terms(rubric.question.text)
    candidates = dict.fromkeys(word for point in rubric.expected_points for word in words(point.text))
    # The question's own words would tell nothing.
    keywords = [word for word in candidates if terms(word) and not terms(word) & asked]
    return "Keywords: " + ", ".join(sorted(keywords, key=len, reverse=True)[:_KEYWORDS])


@cache
def load_additions() -> dict[str, dict[str, list[str]]]:
    """Texts that are worth nothing as answers, by language and kind."""
    additions: dict[str, dict[str, list[str]]] = yaml.safe_load(ADDITIONS.read_text(encoding="utf-8"))
    return additions


def kinds_of_versions() -> list[str]:
    """Every kind of version except attacks, whose kinds are those of their file."""
    return [*load_additions()["en"], *_BUILT, *REWRITINGS, *_PRESENTED, *MIRROR_KINDS]


def _add_text(answer: str, addition: str, generator: random.Random) -> str:
    """The answer with a text before or behind it."""
    return "\n".join((answer, addition) if generator.random() < 0.5 else (addition, answer))
