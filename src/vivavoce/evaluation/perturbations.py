"""Rewrites an answer without changing what it states, which must not move a score.

Each rewriting takes an answer, Chinese or English, and returns another that states the same facts, right or wrong, and
no others. It is deterministic. An answer that comes back unchanged has no version of that kind.
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

# One typing error for so many long words.
_WORDS_PER_TYPO = 12
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_BULLET = re.compile(r"^[-*•]\s+")
# Only plain letters: a typo in INT8 or GPTQ would change the facts.
_LONG_WORD = re.compile(r"\b[A-Z]?[a-z]{5,}\b")
_HOMOPHONES = {
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
_HAS_HOMOPHONE = re.compile("|".join(_HOMOPHONES))
_FINAL_STOP = re.compile(r"[.。]\s*$")
# After these a capital only marks the start of a sentence.
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


def add_bullets(answer: str) -> str:
    """Put each sentence on a line of its own with a bullet; words, their order and blocks of code stay."""
    sentences = [answer[start:end] for start, end in _find_sentences(answer)]
    return "\n".join(sentence if _BLOCK.match(sentence) else f"- {_BULLET.sub('', sentence)}" for sentence in sentences)


def replace_synonyms(answer: str) -> str:
    """Replace general words by others of the same meaning; technical terms, numbers and code stay."""
    synonyms = _load_synonyms(normal_text.detect_language(answer))
    return _change_outside_code(answer, synonyms.replace_in)


def change_punctuation(answer: str) -> str:
    """Change punctuation and blanks: half to full width or the reverse, quotes, no final stop; words stay."""

    def retype_part(part: str) -> str:
        for pattern, typed in _RETYPED[language]:
            part = pattern.sub(typed, part)
        return part

    language = normal_text.detect_language(answer)
    return _FINAL_STOP.sub("", _change_outside_code(answer, retype_part))


def add_typing_errors(answer: str) -> str:
    """Swap two letters in every twelfth long word, and replace every other homophone in Chinese."""
    counter = itertools.count()

    def swap_letters(match: re.Match[str]) -> str:
        word = match.group()
        if next(counter) % _WORDS_PER_TYPO != _WORDS_PER_TYPO // 2:
            return word
        # Two equal letters would swap to the same word.
        first = next((index for index in range(1, len(word) - 1) if word[index] != word[index + 1]), 0)
        return word[:first] + word[first + 1] + word[first] + word[first + 2 :]

    def replace_character(match: re.Match[str]) -> str:
        return _HOMOPHONES[match.group()] if next(counter) % 2 else match.group()

    def mistype_part(part: str) -> str:
        return _LONG_WORD.sub(swap_letters, _HAS_HOMOPHONE.sub(replace_character, part))

    return _change_outside_code(answer, mistype_part)


def convert_to_traditional(answer: str) -> str:
    """Write simplified Chinese in traditional characters."""
    return _load_converter().convert(answer) if normal_text.has_han(answer) else answer


@cache
def _load_converter() -> OpenCC:
    # Reading its dictionaries takes a tenth of a second.
    return OpenCC("s2t")


REWRITINGS: Mapping[str, Rewriting] = {
    "bulleted": add_bullets,
    "reworded": replace_synonyms,
    "retyped": change_punctuation,
    "mistyped": add_typing_errors,
    "traditional": convert_to_traditional,
}


@dataclass(frozen=True)
class _Synonyms:
    """Replacements by word, and a pattern for these words and for those that are kept."""

    replacements: Mapping[str, str]
    pattern: re.Pattern[str]

    def replace_in(self, part: str) -> str:
        return self.pattern.sub(self._replace_word, part)

    def _replace_word(self, match: re.Match[str]) -> str:
        word = " ".join(match.group().split()).replace("’", "'")
        if word in self.replacements:
            return self.replacements[word]
        lower = word[0].lower() + word[1:]
        # A capital within a sentence is part of a name.
        if lower not in self.replacements or not _begins_sentence(match):
            return match.group()
        replacement = self.replacements[lower]
        return replacement[0].upper() + replacement[1:]


def _begins_sentence(match: re.Match[str]) -> bool:
    before = match.string[: match.start()].rstrip(" \t-*•")
    return not before or before[-1] in _SENTENCE_STARTS


@cache
def _load_synonyms(language: str) -> _Synonyms:
    data = yaml.safe_load(SYNONYMS.read_text(encoding="utf-8"))[language]
    # The longest first, else a word within another would win.
    words = sorted([*data["pairs"], *data["kept"]], key=len, reverse=True)
    if language == "zh":
        return _Synonyms(data["pairs"], re.compile("|".join(map(re.escape, words))))
    spelled = "|".join(map(_spell_pattern, words))
    # Parts of compounds, paths, names in code and calls are no words.
    return _Synonyms(data["pairs"], re.compile(rf"(?<![\w./\\@#$-])(?:{spelled})(?![\w\\/(=-]|\.\w)"))


def _spell_pattern(word: str) -> str:
    """A pattern for a word, with or without a capital, with either apostrophe and any blanks."""
    first = f"[{word[0]}{word[0].upper()}]"
    return first + re.escape(word[1:]).replace("'", "['’]").replace(r"\ ", r"\s+")


def _change_outside_code(answer: str, change: Rewriting) -> str:
    """Apply a change to everything that is not code in backticks."""
    # Splitting at a captured group puts code at the odd positions.
    return "".join(part if index % 2 else change(part) for index, part in enumerate(_CODE.split(answer)))


def _find_sentences(answer: str) -> list[tuple[int, int]]:
    """Start and end of each sentence of an answer; a block of code is one sentence."""
    blocks = [block.span() for block in _BLOCK.finditer(answer)]
    bounds: list[tuple[int, int]] = []
    start = 0
    for low, high in [*blocks, (len(answer), len(answer))]:
        bounds += [(start + first, start + last) for first, last in normal_text.split_sentences(answer[start:low])]
        bounds += [(low, high)] if low < high else []
        start = high
    return bounds
