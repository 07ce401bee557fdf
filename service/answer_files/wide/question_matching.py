"""Finds the question of the bank that a heading names: by identifier, handbook number or text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from opencc import OpenCC
from rapidfuzz import fuzz

from vivavoce.graders.reading.normal_text import has_han, normalise, words
from vivavoce.rubrics import Bank

# Of 100; no two questions of the bank are nearer than 67.
_SAME_TEXT = 90.0
_PERHAPS_SAME = 68.0
_LEAD = 10.0
# No question of the bank is longer.
_LONGEST = 1_000
# Letters of a cut heading that are enough to go by.
_SHORTEST, _SHORTEST_HAN = 30, 12
# "3.", "Q3:", "第3题", "(3)", "三、", "12345: " before the text.
_NUMBERING = re.compile(
    r"^\s*[*＊]?\s*(?:q|question|题目|题|问题|第|answer|response|回答|答案)?\s*[-_:：]?\s*"
    r"[(（\[【]?\s*(?:[0-9]+(?:\.[0-9]+)*|[一二三四五六七八九十]{1,3})?\s*[)）\]】]?\s*(?:题|问)?\s*[.、:：．，,)）\-–—]*\s*",
    re.IGNORECASE,
)
# "G01Q02. ", "quant[SQ1]. ": LimeSurvey writes its code before the text.
_CODE = re.compile(r"^\s*[A-Za-z]\w{0,20}(?:\[\w+\])?\s*[.:：]\s+")
# "(10 points)", "【简答题】", "[必填]", "*" behind it.
_REMARK = re.compile(r"(?:\s*[(（\[【][^()（）\[\]【】]{1,20}[)）\]】]|\s*[*＊:：])+\s*$")


@dataclass(frozen=True)
class Guess:
    """The question that is nearest to a heading; `is_sure` unless it is only like it, or two are."""

    question_id: str
    is_sure: bool


class QuestionFinder:
    """Finds questions of one bank."""

    def __init__(self, bank: Bank) -> None:
        self._names: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._found: dict[str, str | None] = {}
        for rubric in bank:
            question = rubric.question
            self._names[_fold_text(question.id)] = question.id
            self._texts[_fold_text(question.text)] = question.id
            if question.handbook:
                self._numbers[question.handbook] = question.id

    @classmethod
    @cache
    def of_bank(cls, bank: Bank) -> QuestionFinder:
        """The finder of a bank, made once."""
        return cls(bank)

    def find_by_name(self, text: str) -> str | None:
        """The question that a text is the identifier, the text or the beginning of; None for any other."""
        if text not in self._found:
            known = None
            if len(text) <= _LONGEST:
                known = next((name for reading in list_readings(text) if (name := self._read_name(reading))), None)
                guess = None if known else self._find_beginning(text)
                known = guess.question_id if guess else known
            self._found[text] = known
        return self._found[text]

    def _read_name(self, reading: str) -> str | None:
        return self._texts.get(reading) or self._names.get(reading)

    def find(self, heading: str) -> Guess | None:
        """The question that a heading, or a question's text, names; None if none is like it."""
        if number := self._numbers.get(heading.strip().lstrip("Qq").strip()):
            return Guess(number, is_sure=True)
        for text in list_readings(heading):
            if known := self._read_name(text):
                return Guess(known, is_sure=True)
        return self._find_beginning(heading) or self._find_similar(heading)

    def _find_beginning(self, heading: str) -> Guess | None:
        """The question that a heading is the first part of, as some programs cut headings."""
        for reading in list_readings(heading):
            least = _SHORTEST_HAN if has_han(reading) else _SHORTEST
            begun = {question_id for text, question_id in self._texts.items() if text.startswith(reading)}
            if len(reading) >= least and len(begun) == 1:
                return Guess(begun.pop(), is_sure=True)
        return None

    def _find_similar(self, heading: str) -> Guess | None:
        nearness: dict[str, float] = defaultdict(float)
        for reading in list_readings(heading):
            for text, question_id in self._texts.items():
                nearness[question_id] = max(nearness[question_id], fuzz.ratio(reading, text))
        if not nearness:
            return None
        (first, best), *others = sorted(nearness.items(), key=lambda item: -item[1])
        lead = best - (others[0][1] if others else 0.0)
        if best < _PERHAPS_SAME:
            return None
        return Guess(first, is_sure=best >= _SAME_TEXT and lead >= _LEAD)


def fold_heading(heading: str) -> str:
    """A heading without case, blanks, punctuation, width and script, to compare it with another."""
    return _fold_text(heading)


def list_readings(heading: str) -> Iterator[str]:
    """The heading's text with and without numbering and remarks, folded; empty ones are left out."""
    without_remark = _REMARK.sub("", heading)
    texts = [heading, without_remark, _NUMBERING.sub("", heading, count=1), _NUMBERING.sub("", without_remark, count=1)]
    texts += [_CODE.sub("", text, count=1) for text in (heading, without_remark) if _CODE.match(text)]
    # Taiwan has other words for many technical terms.
    texts += [_load_converter().convert(text) for text in texts if has_han(text)]
    yield from (folded for folded in dict.fromkeys(map(_fold_text, texts)) if folded)


@cache
def _load_converter() -> OpenCC:
    return OpenCC("tw2sp")


def _fold_text(text: str) -> str:
    return "".join(words(normalise(text).text))
