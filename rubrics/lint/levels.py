"""Finds overlapping levels of an ordinal criterion, by the counts that their descriptions ask for."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from ..model import Language

_NUMBERS = {
    "en": {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6},
    "zh": {"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6},
}
_EN = r"(one|two|three|four|five|six|\d+)"
_ZH = r"([一两二三四五六]|\d+)"
# In order of precedence: the first pattern that matches decides.
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


def find_overlapping_levels(descriptions: Sequence[str], language: Language) -> list[tuple[int, int]]:
    """Pairs of level indices that one answer could be on: with equal descriptions, or with overlapping counts.

    The lower index comes first. Descriptions without a count overlap only if they are equal.
    """
    ranges = [_find_count_range(description, language) for description in descriptions]
    pairs = []
    for (low, first), (high, second) in itertools.combinations(enumerate(ranges), 2):
        # Empty descriptions of a draft are incomplete, not equal.
        is_same = descriptions[low].strip() == descriptions[high].strip() != ""
        overlaps = first is not None and second is not None and first[0] <= second[1] and second[0] <= first[1]
        if is_same or overlaps:
            pairs.append((low, high))
    return pairs


def _find_count_range(description: str, language: Language) -> tuple[float, float] | None:
    """Smallest and largest count that a description asks for, or None if it names no count."""
    for pattern, kind in _COUNTS[language]:
        if match := pattern.search(description):
            numbers = [_parse_number(group, language) for group in match.groups() if group]
            if kind == "none":
                return 0, 0
            if kind == "between":
                return numbers[0], numbers[1]
            if kind == "from":
                least = numbers[0] + (1 if "more than" in match[0].lower() else 0)
                return least, math.inf
            return (0, numbers[0]) if kind == "to" else (numbers[0], numbers[0])
    return None


def _parse_number(word: str, language: Language) -> int:
    return int(word) if word.isdigit() else _NUMBERS[language][word.lower()]
