"""Whether the levels of an ordinal criterion are set apart, as far as their counts of things tell."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from .model import Language

_NUMBERS = {
    "en": {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6},
    "zh": {"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6},
}
_EN = r"(one|two|three|four|five|six|\d+)"
_ZH = r"([一两二三四五六]|\d+)"
# The first pattern that is found says how many things a level asks for: fewest and most.
_COUNTS: dict[Language, tuple[tuple[re.Pattern[str], str], ...]] = {
    "en": (
        (re.compile(rf"\b{_EN}(?:-| to | or ){_EN}\b", re.IGNORECASE), "between"),
        (re.compile(rf"\bat least {_EN}\b|\b{_EN} or more\b|\bmore than {_EN}\b", re.IGNORECASE), "from"),
        (re.compile(rf"\bat most {_EN}\b|\bup to {_EN}\b", re.IGNORECASE), "to"),
        (re.compile(rf"\b(?:exactly|only|just) {_EN}\b", re.IGNORECASE), "exactly"),
        (re.compile(r"^(?:the answer )?(?:\w+ )?(?:none|no|neither|nothing|not)\b", re.IGNORECASE), "none"),
    ),
    "zh": (
        (re.compile(rf"{_ZH}(?:到|至|~|-|或){_ZH}[种个项条点步]"), "between"),
        (re.compile(rf"至少{_ZH}|{_ZH}[种个项条点步]?(?:及|或)?以上"), "from"),
        (re.compile(rf"至多{_ZH}|最多{_ZH}"), "to"),
        (re.compile(rf"(?:只|仅|恰好)(?!是).{{0,6}}?{_ZH}[种个项条点步]"), "exactly"),
        (re.compile(r"^(?:回答)?(?:没有|未)"), "none"),
    ),
}


def overlapping_levels(descriptions: Sequence[str], language: Language) -> list[tuple[int, int]]:
    """Pairs of levels (indices) that one answer could be on both of: the same words, or counts that overlap."""
    spans = [_span(description, language) for description in descriptions]
    found = []
    for (low, one), (high, other) in itertools.combinations(enumerate(spans), 2):
        same = descriptions[low].strip() == descriptions[high].strip() != ""
        overlap = one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]
        if same or overlap:
            found.append((low, high))
    return found


def _span(description: str, language: Language) -> tuple[float, float] | None:
    """Fewest and most things that an answer on this level has, or None when the words do not say."""
    for pattern, kind in _COUNTS[language]:
        if match := pattern.search(description):
            numbers = [_number(group, language) for group in match.groups() if group]
            if kind == "none":
                return 0, 0
            if kind == "between":
                return numbers[0], numbers[1]
            if kind == "from":
                least = numbers[0] + (1 if "more than" in match[0].lower() else 0)
                return least, math.inf
            return (0, numbers[0]) if kind == "to" else (numbers[0], numbers[0])
    return None


def _number(word: str, language: Language) -> int:
    return int(word) if word.isdigit() else _NUMBERS[language][word.lower()]
