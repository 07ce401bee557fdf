"""The same answer written otherwise, which must not move a score.

Each rewriting takes an answer, Chinese or English, and returns another that states the same facts, right or wrong, and
no others. The same answer gives the same version. One that comes back as it was has no version of that kind.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from opencc import OpenCC

from vivavoce.graders.reading import normal_text

SYNONYMS = Path(__file__).parent / "synonyms.yaml"
Rewriting = Callable[[str], str]

# A typing error for every so many words, or of the characters below every other one.
_WORDS_A_SLIP = 12
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_BULLET = re.compile(r"^[-*•]\s+")
# Of a word of plain letters: what stands for something else (INT8, GPTQ) is typed right.
_LONG_WORD = re.compile(r"\b[A-Z]?[a-z]{5,}\b")
_SOUNDS_LIKE = {
    "的": "得",
    "在": "再",
    "做": "作",
    "像": "象",
    "以": "已",
    "那": "哪",
    "它": "他",
    "和": "合",
    "到": "道",
}
_CONFUSED = re.compile("|".join(_SOUNDS_LIKE))
_FINAL_STOP = re.compile(r"[.。]\s*$")
# What may stand before a word that has a capital because it begins a sentence.
_SENTENCE_STARTS = frozenset('.!?:\n"“”')


_RETYPED: Mapping[str, Sequence[tuple[re.Pattern[str], str]]] = {
    "en": [
        (re.compile(r"(?<=\w)'(?=\w)"), "’"),
        (re.compile(r'(?<![\w=(\[{])"([^"\n]*)"(?![\w)\]}])'), r"“\1”"),
        (re.compile(r"(?<=\s)\(([^()\n]*)\)"), r"（\1）"),
        (re.compile(r"(?<=[\w）]), (?=\w)"), "，"),
        (re.compile(r"(?<=[\w）]): (?=\w)"), "："),
        (re.compile(r"(?<=[.!?]) (?=\S)"), "  "),
    ],
    "zh": [
        (re.compile(r"。([”’）]*)"), r".\1 "),
        (re.compile(r"？([”’）]*)"), r"?\1 "),
        (re.compile(r"！([”’）]*)"), r"!\1 "),
        (re.compile("，"), ", "),
        (re.compile("；"), "; "),
        (re.compile("："), ": "),
        (re.compile("（"), " ("),
        (re.compile("）"), ") "),
        (re.compile("[“”]"), '"'),
        (re.compile(r"(?<=[\u4e00-\u9fff]) (?=[A-Za-z0-9])|(?<=[A-Za-z0-9]) (?=[\u4e00-\u9fff])"), ""),
        (re.compile(r" {2,}"), " "),
        (re.compile(r" +(?=\n|$)"), ""),
    ],
}


def bulleted(answer: str) -> str:
    """Each sentence on a line of its own with a bullet; words and their order stay, and blocks of code."""
    sentences = [answer[start:end] for start, end in _sentences(answer)]
    return "\n".join(one if _BLOCK.match(one) else f"- {_BULLET.sub('', one)}" for one in sentences)


def reworded(answer: str) -> str:
    """General words replaced by others of the same meaning; technical terms, numbers and code stay."""
    synonyms = _synonyms(normal_text.detect_language(answer))
    return _outside_code(answer, synonyms.replace_in)


def retyped(answer: str) -> str:
    """Other punctuation and blanks: half for full width or the reverse, other quotes, no final stop; words stay."""

    def retype(part: str) -> str:
        for pattern, typed in _RETYPED[language]:
            part = pattern.sub(typed, part)
        return part

    language = normal_text.detect_language(answer)
    return _FINAL_STOP.sub("", _outside_code(answer, retype))


def mistyped(answer: str) -> str:
    """With typing errors: two letters of a word exchanged, Chinese characters taken for others that sound alike."""
    slips = itertools.count()

    def slip(word: re.Match[str]) -> str:
        said = word.group()
        if next(slips) % _WORDS_A_SLIP != _WORDS_A_SLIP // 2:
            return said
        first = next((place for place in range(1, len(said) - 1) if said[place] != said[place + 1]), 0)
        return said[:first] + said[first + 1] + said[first] + said[first + 2 :]

    def confuse(character: re.Match[str]) -> str:
        return _SOUNDS_LIKE[character.group()] if next(slips) % 2 else character.group()

    def type_badly(part: str) -> str:
        return _LONG_WORD.sub(slip, _CONFUSED.sub(confuse, part))

    return _outside_code(answer, type_badly)


def traditional(answer: str) -> str:
    """In traditional Chinese characters."""
    return _to_traditional().convert(answer) if normal_text.has_han(answer) else answer


@cache
def _to_traditional() -> OpenCC:
    # Reading its dictionaries takes a tenth of a second.
    return OpenCC("s2t")


REWRITINGS: Mapping[str, Rewriting] = {
    rewriting.__name__: rewriting for rewriting in (bulleted, reworded, retyped, mistyped, traditional)
}


@dataclass(frozen=True)
class _Synonyms:
    """What replaces a word, and a pattern that finds such words and those that are kept."""

    replacements: Mapping[str, str]
    pattern: re.Pattern[str]

    def replace_in(self, part: str) -> str:
        return self.pattern.sub(self._replacement, part)

    def _replacement(self, found: re.Match[str]) -> str:
        word = " ".join(found.group().split()).replace("’", "'")
        if word in self.replacements:
            return self.replacements[word]
        small = word[0].lower() + word[1:]
        # A capital within a sentence is that of a name.
        if small not in self.replacements or not _begins_sentence(found):
            return found.group()
        replacement = self.replacements[small]
        return replacement[0].upper() + replacement[1:]


def _begins_sentence(found: re.Match[str]) -> bool:
    before = found.string[: found.start()].rstrip(" \t-*•")
    return not before or before[-1] in _SENTENCE_STARTS


@cache
def _synonyms(language: str) -> _Synonyms:
    """The words of a language; a longer one goes before the shorter ones within it."""
    data = yaml.safe_load(SYNONYMS.read_text(encoding="utf-8"))[language]
    words = sorted([*data["pairs"], *data["kept"]], key=len, reverse=True)
    if language == "zh":
        return _Synonyms(data["pairs"], re.compile("|".join(map(re.escape, words))))
    spelled = "|".join(map(_spelling, words))
    # A part of a compound, a path, a name in code or a call is no word of its own.
    return _Synonyms(data["pairs"], re.compile(rf"(?<![\w./\\@#$-])(?:{spelled})(?![\w\\/(=-]|\.\w)"))


def _spelling(word: str) -> str:
    """A pattern for a word, with a capital or without, with either apostrophe and any blanks."""
    first = f"[{word[0]}{word[0].upper()}]"
    return first + re.escape(word[1:]).replace("'", "['’]").replace(r"\ ", r"\s+")


def _outside_code(answer: str, change: Rewriting) -> str:
    """The answer with a change made to all that is not code in backticks."""
    return "".join(part if place % 2 else change(part) for place, part in enumerate(_CODE.split(answer)))


def _sentences(answer: str) -> list[tuple[int, int]]:
    """Bounds of the sentences of an answer; a block of code is one."""
    blocks = [block.span() for block in _BLOCK.finditer(answer)]
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in [*blocks, (len(answer), len(answer))]:
        found += [(start + first, start + last) for first, last in normal_text.split_sentences(answer[start:low])]
        found += [(low, high)] if low < high else []
        start = high
    return found
