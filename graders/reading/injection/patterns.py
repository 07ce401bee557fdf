"""The patterns of attacks, and those of sentences that only report what is said to a grader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from ..chinese_script import simplify

_FOLDER = Path(__file__).parent
_GROUP = re.compile(r"@([A-Z_]+)@")


@dataclass(frozen=True)
class InjectionPattern:
    """One entry of patterns.yaml.

    `match` is an attack that `regex` matches; `no_match` is an honest sentence that no pattern matches. `at_start` says
    that the sentence is only masked where it begins with the match, `unmistakable` that no report is written so.
    """

    id: str
    kind: Literal["set-aside", "ask", "speak-as", "verdict"]
    language: Literal["en", "zh", "any", "other"]
    regex: re.Pattern[str]
    match: str
    no_match: str
    at_start: bool = False
    unmistakable: bool = False


@dataclass(frozen=True)
class ReportPattern:
    """One entry of reported_speech.yaml.

    `match` is an honest sentence that `regex` recognises as a report; `no_match` is an attack that it does not.
    `always` says that it decides even if the sentence speaks of this very answer.
    """

    id: str
    regex: re.Pattern[str]
    match: str
    no_match: str
    always: bool


@cache
def read_patterns() -> tuple[InjectionPattern, ...]:
    """The patterns of patterns.yaml in the file's order, compiled with their groups filled in."""
    data, groups = _read_file("patterns.yaml")
    return tuple(
        InjectionPattern(
            id=entry["id"],
            kind=entry["kind"],
            language=entry["language"],
            regex=_compile(entry["pattern"], groups),
            match=entry["match"],
            no_match=entry["no_match"],
            at_start=entry.get("at_start", False),
            unmistakable=entry.get("unmistakable", False),
        )
        for entry in data["patterns"]
    )


@cache
def read_report_patterns() -> tuple[ReportPattern, ...]:
    """The patterns of reported_speech.yaml in the file's order."""
    data, groups = _read_file("reported_speech.yaml")
    return tuple(
        ReportPattern(
            id=entry["id"],
            regex=_compile(entry["pattern"], groups),
            match=entry["match"],
            no_match=entry["no_match"],
            always=entry.get("always", False),
        )
        for entry in data["reports"]
    )


@cache
def read_about_this_answer() -> re.Pattern[str]:
    """What names this very answer, its author's grade, or whoever reads it."""
    data, groups = _read_file("reported_speech.yaml")
    return _compile(data["about_this_answer"], groups)


@cache
def read_words() -> Mapping[str, re.Pattern[str]]:
    """The words of languages.yaml by kind: `order`, `grading`, `goal` and `report`."""
    kinds = yaml.safe_load((_FOLDER / "languages.yaml").read_text(encoding="utf-8"))
    return {kind: _compile(expression, {}) for kind, expression in kinds.items()}


@cache
def read_quotation_patterns() -> Mapping[str, re.Pattern[str]]:
    """What stands `before` and what `after` a quotation that is reported, within one sentence."""
    data, groups = _read_file("reported_speech.yaml")
    return {place: _compile(expression, groups) for place, expression in data["quotations"].items()}


def _read_file(name: str) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The content of a file of patterns, and its groups filled in."""
    data = yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))
    groups: dict[str, str] = {}
    # A group may refer to those above it.
    for group, expression in data["groups"].items():
        groups[group] = _fill_groups(expression, groups)
    return data, groups


def _compile(expression: str, groups: Mapping[str, str]) -> re.Pattern[str]:
    # Sentences are simplified, Japanese ones too.
    return re.compile(simplify(_fill_groups(expression, groups)), re.IGNORECASE | re.VERBOSE)


def _fill_groups(expression: str, groups: Mapping[str, str]) -> str:
    """The expression with the group itself in place of each @NAME@; raises KeyError for an unknown name."""
    return _GROUP.sub(lambda reference: groups[reference[1]], expression)
