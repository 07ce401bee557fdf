"""Lines of a transcript: time stamps, numbers of cues, and labels of speakers in front of what is said."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .roles import ROLES, Role, find_role

_TIME = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s?[AaPp][Mm])?"
_DATE = r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?\s+"
_ARROW = re.compile(rf"[\[(]?\s*{_TIME}\s*-->\s*{_TIME}\s*[\])]?(?:\s+\w+:\S+)*\s*")
# Bare times are figures of an answer, unless a name stands beside them.
_STAMP = rf"[\[(【<（]\s*{_TIME}(?:\s*(?:-->|[-–~])\s*{_TIME})?\s*[\])】>）]"
_ANY_STAMP = rf"(?:{_STAMP}|(?:{_DATE})?{_TIME}(?:\s*-->\s*{_TIME})?)"
_NAME_PART = r"[^\s:：,，。;；!?！？()（）\[\]<>|=\"“”`*]"
_NAME = rf"[^\W\d_]{_NAME_PART}{{0,23}}(?:\ {_NAME_PART}{{1,20}}){{0,3}}"
_NOTE = r"(?:\s?[(\[（【](?P<note>[^()\[\]（）【】\d]{1,20})[)\]）】])?"
_BOLD = r"(?:\*{1,3}|__?)?"
_DECORATION = rf"(?:[-*•>#]+\s+)?{_BOLD}"
_LABEL = re.compile(
    rf"""(?x) {_DECORATION} (?:(?P<before>{_ANY_STAMP})\s*[-–]?\s*)?
    (?: <v(?:\.[^\s>]+)?\s+(?P<voice>[^>]+)>
      | {_BOLD} (?P<name>{_NAME}) {_NOTE} \s? (?P<behind>{_ANY_STAMP})? {_BOLD} \s?[:：](?!/) {_BOLD} ) \s*"""
)
_LABEL_LINE = re.compile(
    rf"""(?x) {_DECORATION} (?: (?P<name>{_NAME}) {_NOTE} \s+ {_ANY_STAMP}
      | {_ANY_STAMP} \s+ (?P<name2>{_NAME}) {_NOTE.replace("note", "note2")} ) {_BOLD} \s*[:：]?\s*"""
)
# With these words in front there need be no colon.
_ROLE_LABEL = re.compile(
    rf"""(?xi) {_DECORATION} (?:(?P<before>{_ANY_STAMP})\s*)? [\[(【<]? (?P<name>{ROLES}) [\])】>]? {_NOTE} {_BOLD}
    \s* (?: 说?\s?[:：] | \s[-–—]\s | [>】\]](?=\s) | (?<=[】\]>]) | $ ) {_BOLD} \s*"""
)
_STAMP_IN_FRONT = re.compile(rf"{_STAMP}\s*")
_HEADER = re.compile(r"WEBVTT\b.*|Kind: \w+|Language: [\w-]+|X-TIMESTAMP-MAP=.*|(?:NOTE|STYLE)\b.*")
# Where a transcript lost its line breaks.
_LABEL_WITHIN = re.compile(
    r"""(?xi) (?<=[.?!。？！…”"'’])\s*
    (?= (?:interviewer|interviewee|candidate|applicant|examiner|面试官|考官|候选人|考生|应聘者|受访者|问|答
        |(?-i:Q|A)) \s?\d?\s?[:：] )"""
)


@dataclass(frozen=True)
class Line:
    """A line, or a part of one that begins with a label.

    What is said goes from `said` to `last`. Before it, from `start`, stand stamp and label; behind it, to `end`, the
    end of a subtitle. `speaker` is empty for a line without a label. `is_timed` says that a time stands beside it,
    `is_continued` that a sentence may go on from the line before.
    """

    start: int
    said: int
    last: int
    end: int
    speaker: str = ""
    role: Role = Role.NONE
    is_timed: bool = False
    is_continued: bool = False


def read_lines(text: str) -> list[Line]:
    """The lines of a text in normal form, without blank ones."""
    bounds = list(_split_lines(text))
    subtitles = any(_ARROW.fullmatch(text, start, end) for start, end in bounds)
    lines = []
    for index, (start, end) in enumerate(bounds):
        is_cue = subtitles and _is_part_of_cue(text, bounds, index)
        line = Line(start, end, end, end) if is_cue else _read_line(text, start, end)
        lines.append(replace(line, is_continued=subtitles or line.is_continued))
    return lines


def _split_lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in [*re.finditer(r"\n", text), None]:
        end = match.start() if match else len(text)
        cuts = [start, *(cut.end() for cut in _LABEL_WITHIN.finditer(text, start, end)), end]
        yield from ((low, high) for low, high in itertools.pairwise(cuts) if text[low:high].strip())
        start = end + 1


def _is_part_of_cue(text: str, bounds: list[tuple[int, int]], index: int) -> bool:
    """Whether a line of subtitles has a number, a time or a heading and nothing that is said."""
    start, end = bounds[index]
    if _ARROW.fullmatch(text, start, end) or _HEADER.fullmatch(text, start, end):
        return True
    is_before_time = index + 1 < len(bounds) and _ARROW.fullmatch(text, *bounds[index + 1]) is not None
    return is_before_time and text[start:end].strip().isdigit()


def _read_line(text: str, start: int, end: int) -> Line:
    if alone := _LABEL_LINE.fullmatch(text, start, end):
        name, note = alone["name"] or alone["name2"], alone["note"] or alone["note2"] or ""
        role = find_role(name, note)
        if role is not Role.NONE:
            return Line(start, end, end, end, name, role, is_timed=True)
    if label := _ROLE_LABEL.match(text, start, end):
        name, is_timed = label["name"].strip(), bool(label["before"])
        last = _find_last(text, start, end)
        return Line(start, label.end(), last, end, name, find_role(name), is_timed, is_timed)
    if label := _LABEL.match(text, start, end):
        name = label["voice"] or label["name"]
        role = find_role(name.strip(), label["note"] or "")
        is_timed = bool(label["voice"] or label["before"] or label["behind"])
        if label["voice"] and role is Role.NONE:
            role = Role.NAME
        return Line(start, label.end(), _find_last(text, start, end), end, name.strip(), role, is_timed, is_timed)
    stamp = _STAMP_IN_FRONT.match(text, start, end)
    return Line(start, stamp.end() if stamp else start, _find_last(text, start, end), end, is_continued=bool(stamp))


def _find_last(text: str, start: int, end: int) -> int:
    """Where a line ends without the closing tag of a voice."""
    return end - len("</v>") if text.endswith("</v>", start, end) else end
