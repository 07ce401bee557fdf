"""Labels of one letter or a short form, as in notes of an interview: "I" and "C", 面 and 我, "A" and "B"."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from .lines import Line
from .roles import Role
from .voices import is_talk

_ASKERS = frozenset("I E INT INTV INTVR IV IVR 面 考 官 主 师 记 访".split())
_ANSWERERS = frozenset("R P C S CAN CAND RES RESP APP APPL IE 我 候 应 生 答 受 ME A".split())
_LETTER = re.compile(r"[A-Za-z]\d?|[甲乙丙丁戊]|[男女]")
_ASKS = re.compile(r"[?？]\s*$|[吗呢]\s*$")
_MANY_TURNS, _VERY_MANY_TURNS = 4, 6


def find_short_roles(text: str, lines: Sequence[Line]) -> Mapping[str, Role]:
    """Roles by label, of which the short ones get theirs from each other; empty if they are no people."""
    labels = {line.speaker for line in lines if line.speaker}
    askers = {label for label in labels if label.upper() in _ASKERS}
    answerers = {label for label in labels if label.upper() in _ANSWERERS}
    letters = {label for label in labels if _LETTER.fullmatch(label)}
    if not askers and len(letters) == 1 and answerers & {"我", "me", "Me", "ME"}:
        askers = letters
    if len(askers) == 1 and len(answerers) == 1 and letters <= askers | answerers:
        return dict.fromkeys(askers, Role.QUESTION) | dict.fromkeys(answerers, Role.ANSWER)
    asks = any(line.role is Role.QUESTION for line in lines)
    if not asks and _take_turns(text, lines, letters):
        return dict.fromkeys(letters, Role.UNNAMED)
    return {}


def _take_turns(text: str, lines: Sequence[Line], letters: set[str]) -> bool:
    """Whether lines of two to four letters alternate and speak to each other, rather than list choices."""
    labelled = [line for line in lines if line.speaker in letters]
    turns = [speaker for speaker, _ in itertools.groupby(line.speaker for line in labelled)]
    if not 2 <= len(letters) <= 4:
        return False
    if len(turns) < _MANY_TURNS or len(turns) <= len(letters):
        asks = [bool(_ASKS.search(text[line.said : line.last])) for line in labelled[:2]]
        return len(letters) == 2 and len(turns) <= _MANY_TURNS and asks == [True, False]
    # 甲 and 乙 are people, "A" and "B" may be plans.
    is_sure = letters <= {*"甲乙丙丁戊"} or len(turns) >= _VERY_MANY_TURNS
    return is_sure or any(is_talk(text[line.said : line.last].strip()) for line in labelled)
