"""Finds the questions of the bank that are nearest to a text, by the words that they share."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

from rapidfuzz import fuzz

from vivavoce.graders.reading.chinese_script import simplify
from vivavoce.graders.reading.normal_text import has_han, normalise
from vivavoce.rubrics import Bank

_MOST = 3
# Of a word in about a tenth of the questions.
_LEAST_WEIGHT = 2.2
_SAME_NAME = 75.0
_WORD = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]+")
# Endings differ: quantize, quantization.
_STEM = 6
# What most questions say, whatever they are about.
_COMMON = re.compile(
    r"a|an|the|is|are|was|do|does|did|how|what|why|which|when|where|who|would|could|should|can|will|you|your|us|me|we|i"
    r"|it|its|of|in|on|for|to|and|or|with|about|from|by|as|at|explain|describe|discuss|compare|name|define|tell|give"
    r"|time|today|please|question|answer|q|use|make|work|works|thing|role|one"
    r"|什么|怎么|怎样|如何|为什|为何|哪些|哪个|请你|请问|请介|介绍|解释|简述|说明|谈谈|描述|是什|么是|是怎|的是|你的|你有|有什|么办|机制|服务"
)
_SHOWN, _SHOWN_HAN = 40, 20


class QuestionNeighbours:
    """Finds the questions of one bank that are like a text."""

    def __init__(self, bank: Bank) -> None:
        self._texts: dict[str, dict[str, str]] = defaultdict(dict)
        for rubric in bank:
            question = rubric.question
            self._texts[question.language][question.id] = question.text
        self._words = {
            language: {name: set(_list_words(f"{name} {text}")) for name, text in texts.items()}
            for language, texts in self._texts.items()
        }

    @classmethod
    @cache
    def of_bank(cls, bank: Bank) -> QuestionNeighbours:
        """The neighbours in a bank, made once."""
        return cls(bank)

    def list_nearest(self, text: str) -> list[str]:
        """The identifiers of at most 3 questions that are like a text, the nearest first; none without a rare word."""
        words_of = self._words.get(_find_language(text), {})
        counts = Counter(word for words in words_of.values() for word in words)
        wanted = set(_list_words(text))
        scores = {}
        for name, words in words_of.items():
            weights = [math.log(len(words_of) / counts[word]) for word in wanted & words]
            in_name = sum(math.log(len(words_of) / counts[word]) for word in wanted & set(_list_words(name)))
            likeness = fuzz.ratio(_join(text), _join(name))
            scores[name] = sum(weights) + in_name + (likeness / 10 if likeness >= _SAME_NAME else 0.0)
        best = max(scores.values(), default=0.0)
        near = [name for name, score in scores.items() if score >= max(_LEAST_WEIGHT, best / 2)]
        return sorted(near, key=lambda name: -scores[name])[:_MOST]

    def describe_nearest(self, text: str, *, most: int = _MOST) -> str:
        """These questions with the beginning of their texts; empty if none is near."""
        texts = self._texts.get(_find_language(text), {})
        return ", ".join(f"{name} ({_shorten(texts[name])})" for name in self.list_nearest(text)[:most])


def _find_language(text: str) -> str:
    return "zh" if has_han(text) else "en"


def _list_words(text: str) -> Iterator[str]:
    """The stems of rare words, and of Chinese each pair of neighbours."""
    for run in _WORD.findall(simplify(normalise(text).text.lower())):
        pairs = [run] if run.isascii() else [run[place : place + 2] for place in range(max(len(run) - 1, 1))]
        for word in pairs:
            if not _COMMON.fullmatch(word):
                yield (word[:_STEM].rstrip("s") or word) if word.isascii() else word


def _join(text: str) -> str:
    return "".join(_WORD.findall(text.lower()))


def _shorten(text: str) -> str:
    longest = _SHOWN_HAN if has_han(text) else _SHOWN
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
