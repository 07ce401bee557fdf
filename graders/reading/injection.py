"""Prompt injections: sentences that address the grader instead of the question. No model reads them.

The questions are about language models. Models ignore tokens, gates forget, layers are skipped, prompts have a system
part, judges score and reviewers agree in answers that are correct. So a pattern has to require that a reader is told to
do something about the grade, or that this very answer is called good.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from . import normal_text
from .sentence_classifier import SentenceClassifier
from .terms import terms

# Answers to questions on judging or prompts share their words with attacks.
_SHARE_ON_SUBJECT = 0.5
_PATTERNS = Path(__file__).parent / "injection_patterns.yaml"
_GROUP = re.compile(r"@([A-Z_]+)@")
# "I g n o r e", and "1gn0re" below.
_APART = re.compile(r"(?<=\b\w) (?=\w\b)")
_LEET = str.maketrans("013457@$", "oieastas")
_LEET_WORD = re.compile(r"\b[a-z]+[013457@$][\w@$]*|\b[013457@$]+[a-z][\w@$]*", re.IGNORECASE)


@dataclass(frozen=True)
class InjectionPattern:
    """One entry of injection_patterns.yaml.

    `match` is an attack that `regex` matches; `no_match` is an honest sentence that no pattern matches.
    """

    id: str
    kind: Literal["set-aside", "ask", "speak-as", "verdict"]
    language: Literal["en", "zh", "any"]
    regex: re.Pattern[str]
    match: str
    no_match: str


@dataclass(frozen=True)
class Injections:
    """Result of the search: `masked` bounds the text that no model reads, `suspected` says whether to flag the answer.

    An answer may be suspected without a masked part.
    """

    masked: list[tuple[int, int]]
    suspected: bool


@cache
def read_patterns() -> tuple[InjectionPattern, ...]:
    """The patterns of injection_patterns.yaml in the file's order, compiled with their groups filled in."""
    data = yaml.safe_load(_PATTERNS.read_text(encoding="utf-8"))
    groups: dict[str, str] = {}
    # A group may refer to those above it.
    for name, expression in data["groups"].items():
        groups[name] = _fill_groups(expression, groups)
    return tuple(
        InjectionPattern(
            id=entry["id"],
            kind=entry["kind"],
            language=entry["language"],
            regex=re.compile(_fill_groups(entry["pattern"], groups), re.IGNORECASE | re.VERBOSE),
            match=entry["match"],
            no_match=entry["no_match"],
        )
        for entry in data["patterns"]
    )


def list_rules() -> tuple[str | float, ...]:
    """The patterns and the share on the subject, for the revision of the screening."""
    return (*(pattern.regex.pattern for pattern in read_patterns()), _SHARE_ON_SUBJECT)


def find_injections(
    whole: str, bounds: Sequence[tuple[int, int]], known_terms: frozenset[str], kinds: SentenceClassifier | None
) -> Injections:
    """Find the sentences, bounded by `bounds` in the text `whole`, that address the grader.

    The patterns decide alone if `kinds` is None. The classifier `kinds` adds sentences, except those of which at least
    half the content words are among `known_terms`, the content words of the question and its key. If every sentence is
    recognised, only those that a pattern matches are masked: then a model has to say what the others are worth. Masked
    spans that touch are merged.
    """
    sentences = [whole[start:end] for start, end in bounds]
    by_pattern = [_matches_pattern(sentence) for sentence in sentences]
    sure = likely = [False] * len(sentences)
    if kinds:
        is_off_subject = [not _is_on_subject(sentence, known_terms) for sentence in sentences]
        sure = _and_pairwise(is_off_subject, kinds.addresses_grader(sentences, certainty="sure"))
        likely = _and_pairwise(is_off_subject, kinds.addresses_grader(sentences, certainty="even"))
    recognised = [matches or is_sure for matches, is_sure in zip(by_pattern, sure, strict=True)]
    spread = _spread_to_neighbours(recognised, likely)
    masked = by_pattern if all(spread) else spread
    return Injections(
        masked=normal_text.join_spans(list(itertools.compress(bounds, masked))), suspected=any(recognised)
    )


def has_pattern(sentences: Sequence[str]) -> bool:
    """Whether a pattern alone recognises any of the sentences."""
    return any(map(_matches_pattern, sentences))


def _fill_groups(expression: str, groups: Mapping[str, str]) -> str:
    """The expression with the group itself in place of each @NAME@; raises KeyError for an unknown name."""
    return _GROUP.sub(lambda reference: groups[reference[1]], expression)


def _and_pairwise(first: Sequence[bool], second: Sequence[bool]) -> list[bool]:
    return [left and right for left, right in zip(first, second, strict=True)]


def _spread_to_neighbours(recognised: Sequence[bool], likely: Sequence[bool]) -> list[bool]:
    """The recognised sentences, and the runs of likely ones that touch a recognised one."""
    spread = list(recognised)
    # Both ways: the rest of an attack may precede it.
    for order in (range(1, len(spread)), range(len(spread) - 2, -1, -1)):
        step = -order.step
        for index in order:
            spread[index] = spread[index] or (likely[index] and spread[index + step])
    return spread


def _is_on_subject(sentence: str, known_terms: frozenset[str]) -> bool:
    sentence_terms = terms(sentence)
    return bool(sentence_terms) and len(sentence_terms & known_terms) >= _SHARE_ON_SUBJECT * len(sentence_terms)


def _matches_pattern(sentence: str) -> bool:
    return any(pattern.regex.search(spelled) for spelled in _list_spellings(sentence) for pattern in read_patterns())


def _list_spellings(sentence: str) -> Iterator[str]:
    """The sentence, and its readings without blanks between single letters and with letters for digits."""
    yield sentence
    if (together := _APART.sub("", sentence)) != sentence:
        yield together
    # Only words that mix both: "GPT-4" and "10" stay as they are.
    if (letters := _LEET_WORD.sub(lambda word: word.group().translate(_LEET), sentence)) != sentence:
        yield letters
