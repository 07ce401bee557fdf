"""Attacks: strings that try to win points, read from a file, and what they make of an answer.

A file has one JSON object a line, plain or .gz: `text`, its `family`, the `set` that groups families, and the `mode`:
`append`, `prepend`, `insert` (the word at several places), `replace`, or `operator`, where braces in the text stand
for what is made of the answer and its question.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from vivavoce.graders.reading.normal_text import has_han, split_sentences
from vivavoce.rubrics import Rubric

from .errors import EvaluationError

Mode = Literal["append", "prepend", "insert", "replace", "operator"]
# How often a word is inserted.
_INSERTIONS = 5
_OPERATION = re.compile(r"\{([a-z_|]+)\}")
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|will|does|do|has|have|must|should)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Attack:
    """A string that tries to win points, and how it is applied to an answer."""

    set: str
    family: str
    mode: Mode
    text: str


def read_attacks(path: Path) -> list[Attack]:
    """The attacks in a file; raises EvaluationError with file, line and fix in one sentence."""
    opener = gzip.open if path.suffix == ".gz" else open
    attacks = []
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    attacks.append(_parse_attack(line, where=f"{path}, line {number}"))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}): give JSON lines in UTF-8, plain or .gz.") from None
    if not attacks:
        raise EvaluationError(f"{path} has no attacks: give a JSON object a line.")
    return attacks


def _parse_attack(line: str, *, where: str) -> Attack:
    try:
        row = json.loads(line)
        text, family, mode = row["text"], str(row["family"]), row["mode"]
    except (ValueError, KeyError, TypeError):
        raise EvaluationError(f"{where}: write a JSON object with text, family and mode.") from None
    if mode not in get_args(Mode) or not isinstance(text, str):
        raise EvaluationError(f"{where}: the mode is '{mode}', and must be one of {', '.join(get_args(Mode))}.")
    if mode == "operator" and (unknown := set(_OPERATION.findall(text)) - set(_OPERATIONS)):
        raise EvaluationError(f"{where}: there is no '{sorted(unknown)[0]}'; there are {', '.join(_OPERATIONS)}.")
    return Attack(set=str(row.get("set") or family), family=family, mode=cast(Mode, mode), text=text)


class AttackDeck:
    """Deals attacks so that every set, and in it every family, is dealt equally often."""

    def __init__(self, attacks: Sequence[Attack], *, seed: int) -> None:
        self._attacks = list(attacks)
        random.Random(seed).shuffle(self._attacks)
        self._dealt: Counter[str] = Counter()

    def deal(self, count: int) -> list[Attack]:
        """The next `count` attacks, of the least dealt sets and families first; fewer when there are fewer."""
        dealt = []
        for _ in range(min(count, len(self._attacks))):
            attack = min(self._attacks, key=self._count_dealt)
            # Moved to the back, so that attacks of a kind take turns.
            self._attacks.remove(attack)
            self._attacks.append(attack)
            self._dealt.update((attack.set, f"{attack.set}/{attack.family}"))
            dealt.append(attack)
        return dealt

    def _count_dealt(self, attack: Attack) -> tuple[int, int]:
        return self._dealt[attack.set], self._dealt[f"{attack.set}/{attack.family}"]


@dataclass(frozen=True)
class Target:
    """An answer under attack, and what operators may use.

    `keywords` are content words of the answer key, `another_answer` is an excellent answer to another question.
    """

    answer: str
    rubric: Rubric
    keywords: str
    another_answer: str


def carry_out(attack: Attack, target: Target, generator: random.Random) -> str:
    """The answer as the attack changes it; `generator` chooses places and orders."""
    if attack.mode == "append":
        return f"{target.answer}\n{attack.text}"
    if attack.mode == "prepend":
        return f"{attack.text}\n{target.answer}"
    if attack.mode == "replace":
        return attack.text
    if attack.mode == "insert":
        return _insert_words(target.answer, [attack.text], generator)
    return _OPERATION.sub(lambda match: _OPERATIONS[match[1]](target, generator), attack.text)


def _insert_words(answer: str, words: Sequence[str], generator: random.Random) -> str:
    """Insert each word at several places between the answer's own words, or characters in Chinese."""
    pieces = list(answer) if has_han(answer) else answer.split(" ")
    separator = "" if has_han(answer) else " "
    for word in words:
        for _ in range(_INSERTIONS):
            pieces.insert(generator.randrange(len(pieces) + 1), word)
    return separator.join(pieces)


def _shuffle_pieces(pieces: list[str], generator: random.Random, separator: str) -> str:
    generator.shuffle(pieces)
    return separator.join(pieces)


def _shuffle_words(target: Target, generator: random.Random) -> str:
    if has_han(target.answer):
        return _shuffle_pieces(list(target.answer), generator, "")
    return _shuffle_pieces(target.answer.split(), generator, " ")


def _list_sentences(answer: str) -> list[str]:
    return [answer[start:end] for start, end in split_sentences(answer)]


def _negate_sentence(sentence: str) -> str:
    if has_han(sentence):
        return f"并非{sentence}"
    return (
        _AUXILIARY.sub(r"\1 not", sentence, count=1) if _AUXILIARY.search(sentence) else f"It is not so that {sentence}"
    )


def _list_levels(target: Target, _: random.Random) -> str:
    levels = (level for criterion in target.rubric.criteria for level in criterion.levels[1:])
    return "\n".join(level.description.strip() for level in levels)


_OPERATIONS: Mapping[str, Callable[[Target, random.Random], str]] = {
    "question": lambda target, _: target.rubric.question.text,
    "rubric": _list_levels,
    "keywords_comma_separated": lambda target, _: target.keywords,
    "good_answer_to_another_question": lambda target, _: target.another_answer,
    "answer": lambda target, _: target.answer,
    "answer|shuffle_words": _shuffle_words,
    "answer|shuffle_sentences": lambda target, generator: _shuffle_pieces(
        _list_sentences(target.answer), generator, "\n"
    ),
    "answer|negate_each_sentence": lambda target, _: "\n".join(map(_negate_sentence, _list_sentences(target.answer))),
    "answer|first_sentence": lambda target, _: _list_sentences(target.answer)[0],
    "answer|insert_top_adjectives": lambda target, generator: _insert_words(
        target.answer, ("great", "best", "new"), generator
    ),
}
