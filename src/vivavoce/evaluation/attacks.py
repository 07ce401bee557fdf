"""Strings that try to win points, from a file, and the answers that they make of an answer.

A file has a JSON object a line, plain or .gz: `text`, its `family`, the `set` of families that it belongs to, and the
`mode`: `append`, `prepend`, `insert` (the word at several places), `replace`, or `operator`, where braces in the text
stand for what is made of the answer and its question.
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
from typing import Any, Literal, cast, get_args

from vivavoce.graders.reading.normal_text import has_han, split_sentences
from vivavoce.rubrics import Rubric

from .errors import EvaluationError

Mode = Literal["append", "prepend", "insert", "replace", "operator"]
_PLACES = 5
_OPERATION = re.compile(r"\{([a-z_|]+)\}")
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|will|does|do|has|have|must|should)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Attack:
    """A string that tries to win points."""

    set: str
    family: str
    mode: Mode
    text: str


def read_attacks(path: Path) -> list[Attack]:
    """The attacks in a file; raises EvaluationError with place and mend in one sentence."""
    opener = gzip.open if path.suffix == ".gz" else open
    found = []
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    found.append(_read(line, place=f"{path}, line {number}"))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read ({error}): give JSON lines in UTF-8, plain or .gz.") from None
    if not found:
        raise EvaluationError(f"{path} has no attacks: give a JSON object a line.")
    return found


def _read(line: str, *, place: str) -> Attack:
    try:
        row = json.loads(line)
        text, family, mode = row["text"], str(row["family"]), row["mode"]
    except (ValueError, KeyError, TypeError):
        raise EvaluationError(f"{place}: write a JSON object with text, family and mode.") from None
    if mode not in get_args(Mode) or not isinstance(text, str):
        raise EvaluationError(f"{place}: the mode is '{mode}', and must be one of {', '.join(get_args(Mode))}.")
    if mode == "operator" and (unknown := set(_OPERATION.findall(text)) - set(_OPERATIONS)):
        raise EvaluationError(f"{place}: there is no '{sorted(unknown)[0]}'; there are {', '.join(_OPERATIONS)}.")
    return Attack(set=str(row.get("set") or family), family=family, mode=cast(Mode, mode), text=text)


class AttackDeck:
    """Deals attacks so that every set, and in it every family, is dealt as often as every other."""

    def __init__(self, attacks: Sequence[Attack], *, seed: int) -> None:
        self._attacks = list(attacks)
        random.Random(seed).shuffle(self._attacks)
        self._dealt: Counter[str] = Counter()

    def deal(self, count: int) -> list[Attack]:
        """So many attacks, the rarest so far first."""
        dealt = []
        for _ in range(min(count, len(self._attacks))):
            attack = min(self._attacks, key=lambda one: (self._dealt[one.set], self._dealt[f"{one.set}/{one.family}"]))
            self._attacks.remove(attack)
            self._attacks.append(attack)
            self._dealt.update((attack.set, f"{attack.set}/{attack.family}"))
            dealt.append(attack)
        return dealt


@dataclass(frozen=True)
class Target:
    """An answer that is attacked, with what attacks are made of."""

    answer: str
    rubric: Rubric
    keywords: str
    another_answer: str


def carry_out(attack: Attack, target: Target, chosen: random.Random) -> str:
    """The answer with an attack on it."""
    if attack.mode == "append":
        return f"{target.answer}\n{attack.text}"
    if attack.mode == "prepend":
        return f"{attack.text}\n{target.answer}"
    if attack.mode == "replace":
        return attack.text
    if attack.mode == "insert":
        return _insert(target.answer, [attack.text], chosen)
    return _OPERATION.sub(lambda found: _OPERATIONS[found[1]](target, chosen), attack.text)


def _insert(answer: str, words: Sequence[str], chosen: random.Random) -> str:
    """An answer with each word at several places between its own words, or characters where they are Chinese."""
    pieces = list(answer) if has_han(answer) else answer.split(" ")
    joint = "" if has_han(answer) else " "
    for word in words:
        for _ in range(_PLACES):
            pieces.insert(chosen.randrange(len(pieces) + 1), word)
    return joint.join(pieces)


def _shuffled(pieces: list[str], chosen: random.Random, joint: str) -> str:
    chosen.shuffle(pieces)
    return joint.join(pieces)


def _words(target: Target, chosen: random.Random) -> str:
    if has_han(target.answer):
        return _shuffled(list(target.answer), chosen, "")
    return _shuffled(target.answer.split(), chosen, " ")


def _sentences(answer: str) -> list[str]:
    return [answer[start:end] for start, end in split_sentences(answer)]


def _negated(sentence: str) -> str:
    if has_han(sentence):
        return f"并非{sentence}"
    return (
        _AUXILIARY.sub(r"\1 not", sentence, count=1) if _AUXILIARY.search(sentence) else f"It is not so that {sentence}"
    )


def _rubric(target: Target, _: random.Random) -> str:
    return "\n".join(level.description.strip() for each in target.rubric.criteria for level in each.levels[1:])


_OPERATIONS: Mapping[str, Callable[[Target, random.Random], Any]] = {
    "question": lambda target, _: target.rubric.question.text,
    "rubric": _rubric,
    "keywords_comma_separated": lambda target, _: target.keywords,
    "good_answer_to_another_question": lambda target, _: target.another_answer,
    "answer": lambda target, _: target.answer,
    "answer|shuffle_words": _words,
    "answer|shuffle_sentences": lambda target, chosen: _shuffled(_sentences(target.answer), chosen, "\n"),
    "answer|negate_each_sentence": lambda target, _: "\n".join(map(_negated, _sentences(target.answer))),
    "answer|first_sentence": lambda target, _: _sentences(target.answer)[0],
    "answer|insert_top_adjectives": lambda target, chosen: _insert(target.answer, ("great", "best", "new"), chosen),
}
