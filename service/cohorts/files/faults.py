"""What can be wrong with a file or a row: a fixed list of codes, each with cause and fix in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from vivavoce.tables import Sentence

Level = Literal["error", "warning", "notice"]
Language = Literal["zh", "en"]
_SHOWN_VALUE = 80
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Words:
    """What is said about a code: its level, the cause and the fix in each language."""

    level: Level
    cause: Mapping[str, str]
    fix: Mapping[str, str]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: its code, row (from 1, with the heading) and column if it has any, and the value there.

    `values` are what its sentences name.
    """

    code: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """`error` if the row cannot be used, `warning` or `notice` if it can."""
        return load_words()[self.code].level

    def to_document(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {
            "code": self.code,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "values": dict(self.values),
        }


@cache
def load_words() -> Mapping[str, Words]:
    """All codes with their words."""
    text = (Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8")
    words: dict[str, Words] = {}
    for level, codes in yaml.safe_load(text).items():
        for code, said in codes.items():
            cause = {language: said[language].partition("|")[0].strip() for language in ("zh", "en")}
            fix = {language: said[language].partition("|")[2].strip() for language in ("zh", "en")}
            words[code] = Words(level, cause, fix)
    return words


def make_fault(sentence: Sentence, *, row: int | None = None, column: str | None = None, value: Any = None) -> Fault:
    """The fault that a sentence of the readers tells of."""
    code = sentence.code if sentence.code in load_words() else "unreadable_row" if row else "unreadable_file"
    return Fault(code, row, column, trim_value(value), dict(sentence.values))


def trim_value(value: Any) -> str | None:
    """A value as a report shows it: on one line, at most 80 characters; None for an empty one."""
    text = "" if value is None else _UNPRINTABLE.sub(" ", str(value)[: 2 * _SHOWN_VALUE])
    text = " ".join(text.split())
    return (text if len(text) <= _SHOWN_VALUE else f"{text[: _SHOWN_VALUE - 1]}…") or None


def say(code: str, values: Mapping[str, Any], language: Language) -> tuple[str, str]:
    """The cause and the fix in one language."""
    words = load_words()[code]
    return _fill(words.cause[language], values), _fill(words.fix[language], values)


def join(cause: str, fix: str, language: Language) -> str:
    """Cause and fix in one sentence."""
    return f"{cause}：{fix}" if language == "zh" else f"{cause}: {fix}"


def _fill(text: str, values: Mapping[str, Any]) -> str:
    # What is in brackets is left out if its value is not known.
    def fill_part(part: re.Match[str]) -> str:
        return part[1].format(**values) if all(values.get(name) for name in re.findall(r"{(\w+)}", part[1])) else ""

    try:
        return re.sub(r"\[(.*?)\]", fill_part, text).format(**values)
    except KeyError:
        return re.sub(r"{\w+}", "?", text)
