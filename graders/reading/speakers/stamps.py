"""Time stamps of transcripts and subtitles, and their lines in which nobody speaks; all texts are in normal form."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TIME = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s?[AaPp][Mm])?"
_DATE = r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?\s+"
# Some programs write "0:0:3.42".
_CUE_TIME = r"(?:\d{1,3}:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,3})?"
_SECONDS = r"(?:\d+(?:\.\d+)?s(?:\s*(?:-+>|[-–])\s*\d+(?:\.\d+)?s)?|\d+\.\d+\s*-+>\s*\d+\.\d+)"
# Bare times are figures of an answer, unless a name stands beside them.
STAMP = rf"[\[(【<（]\s*(?:(?:{_DATE})?{_TIME}(?:\s*(?:-->|[-–~])\s*{_TIME})?|{_SECONDS})\s*[\])】>）]"
ANY_STAMP = rf"(?:{STAMP}|(?:{_DATE})?{_TIME}(?:\s*(?:-->|[-–~])\s*{_TIME})?)"
ARROW = re.compile(rf"[\[(]?\s*{_CUE_TIME}\s*-->\s*{_CUE_TIME}\s*[\])]?(?:\s+\w+:\S+)*\s*")
STAMP_IN_FRONT = re.compile(rf"{STAMP}\s*")
_TIME_ALONE = re.compile(rf"\s*{ANY_STAMP}\s*")
_NUMBER_OF_CUE = re.compile(r"\s*(?:\d+|[0-9a-f]{8}-[0-9a-f-]{20,}(?:/[\d-]+)?)\s*")
_HEADER = re.compile(r"WEBVTT\b.*|Kind: \w+|Language: [\w-]+|X-TIMESTAMP-MAP=.*|(?:NOTE|STYLE)\b.*")
_NOTICE = re.compile(
    r"""(?xi) \s* (?: transcription\ ended\ (?:after|at)\b.* | transcribed\ by\b.*
    | this\ (?:editable\ )?transcript\ (?:was|is)\ .*generated.* | .*(?:started|stopped)\ transcription\W*
    | (?:转写|记录|录制|录音|会议)(?:结束|完成|已结束)\W* ) \s*"""
)
_LEAST_TIME_LINES = 2

Bounds = Sequence[tuple[int, int]]


def has_arrows(text: str, bounds: Bounds) -> bool:
    """Whether one of the lines has the times of a subtitle and nothing else."""
    return any(ARROW.fullmatch(text, start, end) for start, end in bounds)


def find_silent_lines(text: str, bounds: Bounds) -> frozenset[int]:
    """Indices of the lines in which nothing is said: times, numbers and headings of subtitles, notices of programs.

    A time that stands alone counts if there are several, since one may be an answer.
    """
    subtitles = has_arrows(text, bounds)
    times = {index for index, bound in enumerate(bounds) if _TIME_ALONE.fullmatch(text, *bound)}
    silent = {index for index, bound in enumerate(bounds) if _NOTICE.fullmatch(text, *bound)}
    if len(times) >= _LEAST_TIME_LINES or subtitles:
        silent |= times
    if subtitles:
        arrows = {index for index, bound in enumerate(bounds) if ARROW.fullmatch(text, *bound)}
        numbers = {index - 1 for index in arrows if index and _NUMBER_OF_CUE.fullmatch(text, *bounds[index - 1])}
        headers = {index for index, bound in enumerate(bounds) if _HEADER.fullmatch(text, *bound)}
        silent |= arrows | numbers | headers
    return frozenset(silent)


def is_time(text: str, bound: tuple[int, int]) -> bool:
    """Whether a line has a time, or the times of a subtitle, and nothing else."""
    return bool(ARROW.fullmatch(text, *bound) or _TIME_ALONE.fullmatch(text, *bound))
