"""What an answer says to the grader instead of to the question: sentences that no model is to read.

The questions are about language models. Models ignore tokens, gates forget, layers are skipped, prompts have a system
part, judges score and reviewers agree in answers that are nothing but right. So a pattern must see that somebody is
told to do something about the grade, or that this very answer is called good.
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

# Questions on judging, prompts and exams have answers that speak of these.
_SHARE_ON_SUBJECT = 0.5
_PATTERNS = Path(__file__).parent / "injection_patterns.yaml"
_GROUP = re.compile(r"@([A-Z_]+)@")
_APART = re.compile(r"(?<=\b\w) (?=\w\b)")
_LEET = str.maketrans("013457@$", "oieastas")
_LEET_WORD = re.compile(r"\b[a-z]+[013457@$][\w@$]*|\b[013457@$]+[a-z][\w@$]*", re.IGNORECASE)


@dataclass(frozen=True)
class InjectionPattern:
    """One entry of injection_patterns.yaml.

    `regex` is found in `match`, which a candidate might write; no pattern is found in the honest `no_match`.
    """

    id: str
    kind: Literal["set-aside", "ask", "speak-as", "verdict"]
    language: Literal["en", "zh", "any"]
    regex: re.Pattern[str]
    match: str
    no_match: str


@dataclass(frozen=True)
class Injections:
    """What speaks to the grader: `masked` bounds what no model is to read, `suspected` says whether any of it does."""

    masked: list[tuple[int, int]]
    suspected: bool


@cache
def read_patterns() -> tuple[InjectionPattern, ...]:
    """The patterns of injection_patterns.yaml, in the file's order, compiled with their groups filled in."""
    data = yaml.safe_load(_PATTERNS.read_text(encoding="utf-8"))
    groups: dict[str, str] = {}
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
    """What decides here, for the record of what screening looked for: the patterns and the share on the subject."""
    return (*(pattern.regex.pattern for pattern in read_patterns()), _SHARE_ON_SUBJECT)


def find_injections(
    whole: str, bounds: Sequence[tuple[int, int]], known: frozenset[str], kinds: SentenceClassifier | None
) -> Injections:
    """Of the sentences (start, end) of a text those that speak to the grader, neighbours joined.

    Of the sentences that only the classifier of `kinds` recognises those are read whose terms are to a good part
    `known`, from the question and its key, and all where nothing else is there: then a model is to say what they are
    worth. Without `kinds` patterns alone decide.
    """
    sentences = [whole[start:end] for start, end in bounds]
    by_pattern = [_speaks(sentence) for sentence in sentences]
    sure = likely = [False] * len(sentences)
    if kinds:
        is_off_subject = [not _is_on_subject(sentence, known) for sentence in sentences]
        sure = _both(is_off_subject, kinds.addresses_grader(sentences, certainty="sure"))
        likely = _both(is_off_subject, kinds.addresses_grader(sentences, certainty="even"))
    recognised = [first or second for first, second in zip(by_pattern, sure, strict=True)]
    spread = _spread(recognised, likely)
    masked = by_pattern if all(spread) else spread
    return Injections(
        masked=normal_text.join_spans(list(itertools.compress(bounds, masked))), suspected=any(recognised)
    )


def _fill_groups(expression: str, groups: Mapping[str, str]) -> str:
    """The expression with the group itself in place of each @NAME@; raises KeyError for an unknown name."""
    return _GROUP.sub(lambda reference: groups[reference[1]], expression)


def _both(first: Sequence[bool], second: Sequence[bool]) -> list[bool]:
    return [one and other for one, other in zip(first, second, strict=True)]


def _spread(recognised: Sequence[bool], likely: Sequence[bool]) -> list[bool]:
    """With those that are as likely as not, and follow or precede a recognised one without another between."""
    spread = list(recognised)
    for order in (range(1, len(spread)), range(len(spread) - 2, -1, -1)):
        step = -order.step
        for place in order:
            spread[place] = spread[place] or (likely[place] and spread[place + step])
    return spread


def _is_on_subject(sentence: str, known: frozenset[str]) -> bool:
    said = terms(sentence)
    return bool(said) and len(said & known) >= _SHARE_ON_SUBJECT * len(said)


def _speaks(sentence: str) -> bool:
    return any(pattern.regex.search(spelled) for spelled in _spellings(sentence) for pattern in read_patterns())


def _spellings(sentence: str) -> Iterator[str]:
    """The sentence, and what l e t t e r s apart and d1g1ts for letters are read as, where it has some."""
    yield sentence
    if (together := _APART.sub("", sentence)) != sentence:
        yield together
    if (letters := _LEET_WORD.sub(lambda word: word.group().translate(_LEET), sentence)) != sentence:
        yield letters
