"""Labels of speakers without a colon, which count only if the text as a whole is a conversation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from .names import BARE_LABEL
from .roles import Role, drop_verb, find_role
from .stamps import Bounds

_ASKERS = frozenset({Role.INTERVIEWER, Role.QUESTION, Role.NAME})
_QUESTION_MARK = re.compile(r"[?？]")
_MANY_TURNS = 4
Label = tuple[re.Match[str], str, Role]


def find_bare_labels(text: str, bounds: Bounds) -> Mapping[int, Label]:
    """Labels in bold, in brackets, and such as "Q1" before a blank, by the start of their line.

    There are none unless one who asks speaks first, another follows, and a question or four turns show a talk.
    """
    found: dict[int, Label] = {}
    asked = False
    for start, end in bounds:
        if label := _read_bare_label(text, start, end):
            found[start] = label
            asked = asked or (label[2] in _ASKERS and bool(_QUESTION_MARK.search(text, start, end)))
    turns = _list_turns(list(found.values()))
    is_talk = len(set(turns)) > 1 and turns[0][1] in _ASKERS and (asked or len(turns) >= _MANY_TURNS)
    return found if is_talk else {}


def _read_bare_label(text: str, start: int, end: int) -> Label | None:
    match = BARE_LABEL.match(text, start, end)
    if match is None:
        return None
    name = drop_verb((match["bold"] or match["bracket"] or match["letter"] or match["alone"]).strip())
    role = find_role(name, match["note"] or "")
    return None if role is Role.NONE else (match, name, role)


def _list_turns(labels: Sequence[Label]) -> list[tuple[str, Role]]:
    return [turn for turn, _ in itertools.groupby((name, role) for _, name, role in labels)]
