"""Lines of a transcript: time stamps, numbers of cues, and labels of speakers in front of what is said."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .bare_labels import find_bare_labels
from .line_breaks import split_lines
from .names import LABEL, LABEL_ALONE, NAME_ALONE, QUESTION_LABEL, ROLE_LABEL, UNNAMED_LABEL, VOICE, order_name
from .roles import Role, drop_verb, find_role, is_name
from .stamps import STAMP_IN_FRONT, Bounds, find_silent_lines, has_arrows, is_time


@dataclass(frozen=True)
class Line:
    """A line, or a part of one that begins with a label.

    What is said goes from `said` to `last`. Before it, from `start`, stand stamp and label; behind it, to `end`, the
    end of a subtitle. `speaker` is empty for a line without a label. `is_timed` says that a time stands beside it,
    `is_continued` that a sentence may go on from the line before. A line `is_silent` if it belongs to no speaker.
    """

    start: int
    said: int
    last: int
    end: int
    speaker: str = ""
    role: Role = Role.NONE
    is_timed: bool = False
    is_continued: bool = False
    is_silent: bool = False


def read_lines(text: str) -> list[Line]:
    """The lines of a text in normal form, without blank ones."""
    bounds = list(split_lines(text))
    subtitles = has_arrows(text, bounds)
    silent = find_silent_lines(text, bounds)
    names = _find_names(text, bounds, silent)
    bare = find_bare_labels(text, [bound for index, bound in enumerate(bounds) if index not in silent])
    lines = []
    for index, (start, end) in enumerate(bounds):
        if index in silent:
            line = Line(start, end, end, end, is_silent=True)
        elif index in names:
            name, role = names[index]
            line = Line(start, end, end, end, name, role, is_timed=True)
        elif start in bare:
            label, name, role = bare[start]
            line = _begin_line(text, label, end, name, role, is_timed=False)
        else:
            line = _read_line(text, start, end)
        after_time = index > 0 and index - 1 in silent and is_time(text, bounds[index - 1])
        lines.append(replace(line, is_continued=subtitles or line.is_continued or after_time))
    return lines


def _find_names(text: str, bounds: Bounds, silent: frozenset[int]) -> dict[int, tuple[str, Role]]:
    """Names that stand alone beside a line with a time, by index; none unless each such line has one.

    One with a role in brackets needs no other names.
    """
    times = [index for index in sorted(silent) if is_time(text, bounds[index])]
    found: dict[int, tuple[str, Role]] = {}
    for time in times:
        for index in (time + 1, time - 1):
            # A name that ends the text has no words.
            is_free = 0 <= index < len(bounds) - 1 and index not in silent and index not in found
            if is_free and (named := _read_name(text, bounds[index])):
                found[index] = named
                break
    every = len(found) == len(times)
    sure = {index: named for index, named in found.items() if named[1] in (Role.INTERVIEWER, Role.CANDIDATE)}
    return found if every else sure


def _read_name(text: str, bound: tuple[int, int]) -> tuple[str, Role] | None:
    match = NAME_ALONE.fullmatch(text, *bound)
    if not match:
        return None
    role = find_role(order_name(match["name"]), match["note"] or "")
    return (match["name"], role) if role not in (Role.NONE, Role.QUESTION, Role.ANSWER) else None


def _read_line(text: str, start: int, end: int) -> Line:
    if line := _read_label(text, start, end):
        return line
    stamp = STAMP_IN_FRONT.match(text, start, end)
    return Line(start, stamp.end() if stamp else start, _find_last(text, start, end), end, is_continued=bool(stamp))


def _read_label(text: str, start: int, end: int) -> Line | None:
    if alone := LABEL_ALONE.fullmatch(text, start, end):
        name, note = alone["name"] or alone["name2"], alone["note"] or alone["note2"] or ""
        role = find_role(order_name(name), note)
        # "[00:03] it is" is a subtitle, "priya_n 00:03" may be a name.
        if role is not Role.NONE or (alone["name"] and " " not in name):
            return Line(start, end, end, end, name, role, is_timed=True)
    label = ROLE_LABEL.match(text, start, end)
    # "Candidate - generation: …" names nobody.
    if label and (not label["more"] or is_name(label["more"].strip()) or not label["more"].isascii()):
        name = label["name"].strip()
        return _begin_line(text, label, end, name, find_role(name), is_timed=bool(label["before"] or label["behind"]))
    if label := UNNAMED_LABEL.match(text, start, end):
        name, is_timed = (label["name"] or label["name2"]).strip(), bool(label["before"] or label["behind"])
        return _begin_line(text, label, end, name, Role.UNNAMED, is_timed=is_timed)
    if label := QUESTION_LABEL.match(text, start, end):
        name = label["name"].strip()
        return _begin_line(text, label, end, name, find_role(name), is_timed=False)
    if label := LABEL.match(text, start, end):
        voice = VOICE.fullmatch(label["voice"]) if label["voice"] else None
        name = drop_verb((voice["name"] if voice else label["name"]).strip())
        role = find_role(order_name(name), (voice["note"] if voice else label["note"]) or "")
        if label["voice"] and role is Role.NONE:
            role = Role.NAME
        is_timed = bool(label["voice"] or label["before"] or label["behind"] or label["later"])
        return _begin_line(text, label, end, name, role, is_timed=is_timed)
    return None


def _begin_line(text: str, label: re.Match[str], end: int, name: str, role: Role, *, is_timed: bool) -> Line:
    start, last = label.start(), _find_last(text, label.start(), end)
    return Line(start, min(label.end(), last), last, end, name, role, is_timed, is_timed)


def _find_last(text: str, start: int, end: int) -> int:
    """Where a line ends without the closing tag of a voice."""
    return end - len("</v>") if text.endswith("</v>", start, end) else end
