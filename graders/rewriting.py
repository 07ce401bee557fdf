"""The same answer written otherwise: style and length, which must not move a score.

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

from . import text

SYNONYMS = Path(__file__).parent / "synonyms.yaml"
Rewriting = Callable[[str], str]

# `longer` aims at this length of the original's.
_LONGER = 1.5
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_BULLET = re.compile(r"^[-*•]\s+")
_FINAL_STOP = re.compile(r"[.。]\s*$")
# What may stand before a word that has a capital because it begins a sentence.
_SENTENCE_STARTS = frozenset('.!?:\n"“”')


@dataclass(frozen=True)
class _Talk:
    """Talk that says nothing: before an answer, between its sentences, after it."""

    opening: str
    closing: tuple[str, ...]
    blank: str
    between: tuple[str, ...] = ()


_POLITE: Mapping[str, _Talk] = {
    "en": _Talk(
        opening="That is a good question, thank you. Let me think for a moment.",
        between=("So, as I said.", "Right, let me go on.", "Well, and then.", "Let me come to what follows."),
        closing=("I hope this answers the question.", "Thank you for listening."),
        blank=" ",
    ),
    "zh": _Talk(
        opening="这是个好问题，谢谢。让我想一想。",
        between=("嗯，就像我刚才说的。", "好，我接着往下说。", "然后呢，再往下。", "那么，说到后面。"),
        closing=("希望这样回答了您的问题。", "谢谢您的倾听。"),
        blank="",
    ),
}
_LENGTHY: Mapping[str, _Talk] = {
    "en": _Talk(
        opening="I am going to answer this question now. Let me say what I have to say, one thing after the other.",
        closing=(
            "So that is how I would put it, all things considered.",
            "In other words, what I have just said is what I wanted to say.",
            "One could say the same in another way, and it would come down to the same.",
            "All in all, that is how I see it, and I would say it like this again.",
            "As you can see, one thing leads to the next, and so it goes on.",
            "With that I have come to the end of what I wanted to go through.",
            "To sum up, I have now said it in my own words, from beginning to end.",
            "And that, to come back to where I began, is what I mean.",
        ),
        blank=" ",
    ),
    "zh": _Talk(
        opening="下面我来回答这个问题，我一点一点地说。",
        closing=(
            "以上就是我想说的内容。",
            "总的说来，我的想法大致就是这样。",
            "换句话说，前面讲的就是我要表达的意思。",
            "同样的意思也可以换一种说法，说来说去是一回事。",
            "这样一来，前后就都连起来了。",
            "说到这里，我要讲的也就都讲到了。",
            "从头到尾，我都是用自己的话来说的。",
            "回到开头，这就是我的意思。",
        ),
        blank="",
    ),
}
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


def padded(answer: str) -> str:
    """Polite filler before, between and after the sentences, which stay as they are."""
    talk = _POLITE[text.detect_language(answer)]
    cuts = [start for start, _ in _sentences(answer)][1::2]
    parts = [answer[low:high] for low, high in itertools.pairwise([0, *cuts, len(answer)])]
    said = parts[0]
    for filler, (before, after) in zip(itertools.cycle(talk.between), itertools.pairwise(parts), strict=False):
        said += filler + before[len(before.rstrip()) :] + after
    return "\n".join([talk.opening, said, talk.blank.join(talk.closing)])


def longer(answer: str) -> str:
    """About half as long again by talk around the answer, which stays as it is within."""
    talk = _LENGTHY[text.detect_language(answer)]
    room = _LONGER * len(answer) - len(f"{talk.opening}\n{answer}\n")
    closing: list[str] = []
    for sentence in itertools.cycle(talk.closing):
        if closing and room < len(sentence) / 2:
            break
        closing.append(sentence)
        room -= len(sentence + talk.blank)
    return "\n".join([talk.opening, answer, talk.blank.join(closing)])


def reworded(answer: str) -> str:
    """General words replaced by others of the same meaning; technical terms, numbers and code stay."""
    synonyms = _synonyms(text.detect_language(answer))
    return _outside_code(answer, synonyms.replace_in)


def retyped(answer: str) -> str:
    """Other punctuation and blanks: half for full width or the reverse, other quotes, no final stop; words stay."""

    def retype(part: str) -> str:
        for pattern, typed in _RETYPED[language]:
            part = pattern.sub(typed, part)
        return part

    language = text.detect_language(answer)
    return _FINAL_STOP.sub("", _outside_code(answer, retype))


REWRITINGS: Mapping[str, Rewriting] = {
    rewriting.__name__: rewriting for rewriting in (bulleted, padded, longer, reworded, retyped)
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
        found += [(start + first, start + last) for first, last in text.split_sentences(answer[start:low])]
        found += [(low, high)] if low < high else []
        start = high
    return found
