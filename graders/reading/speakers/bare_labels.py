"""Labels of speakers without a colon, which count only if the text as a whole is a conversation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from .names import BARE_LABEL
from .roles import Role, drop_verb, find_role
from .stamps import Bounds

_ASKERS = frozenset({Role.INTERVIEWER, Role.QUESTION, Role.NAME})
_QUESTION_MARK = re.compile(r"[?？]")
_MANY_TURNS = 4
Label = tuple[re.Match[str], str, Role]


def find_bare_labels(text: str, bounds: Bounds) -> Mapping[int, Label]:
    """Labels in bold, in brackets, and such as "Q1" before a blank, by the start of their line.

    There are none unless another follows one who asks, and a question or four turns show a talk.
    """
    found: dict[int, Label] = {}
    asked, last = False, ""
    for start, end in bounds:
        label = _read_bare_label(text, start, end)
        # Other sentences begin with "A", too.
        if label and not (label[1] == "A" and label[0]["blank"] and last != "Q"):
            found[start], last = label, label[1] if label[0]["blank"] else ""
        role = next(reversed(found.values()))[2] if found else Role.NONE
        asked = asked or (role in _ASKERS and bool(_QUESTION_MARK.search(text, start, end)))
    turns = [turn for turn, _ in itertools.groupby((name, role) for _, name, role in found.values())]
    # Who answers may greet first.
    is_ordered = len(turns) > 1 and any(role in _ASKERS for _, role in turns[: 1 if len(turns) == 2 else None])
    return found if is_ordered and (asked or len(turns) >= _MANY_TURNS) else {}


def _read_bare_label(text: str, start: int, end: int) -> Label | None:
    match = BARE_LABEL.match(text, start, end)
    if match is None:
        return None
    name = drop_verb((match["bold"] or match["bracket"] or match["letter"] or match["alone"] or match["word"]).strip())
    role = find_role(name, match["note"] or "")
    return None if role is Role.NONE else (match, name, role)
