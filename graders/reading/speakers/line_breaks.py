"""Where the lines of a transcript end, also where an export lost the line breaks between its speakers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from .names import LABEL, NAME, QUESTION_LABEL, ROLE_LABEL, UNNAMED_LABEL
from .roles import ROLES, UNNAMED, VERB, Role, find_role
from .stamps import STAMP

_NOTE = r"(?:\s?[(\[（【][^()\[\]（）【】\n]{1,40}[)\]）】])?"
_MORE = rf"(?:\s?[-–—/|·_]\s?{NAME})?"
_BEHIND_SENTENCE = r"(?:(?<=[.?!。？！…])|(?<=[.?!。？！…][”\"'’)）】\]]))"
_ROLE_WITHIN = re.compile(
    rf"""(?x) {_BEHIND_SENTENCE}\s* (?= (?:{STAMP}\s*)? [\[【(]?
    (?i:{ROLES}|问|答|{UNNAMED}) {_MORE} [\]】)]? {_NOTE} {VERB}? \s? (?:{STAMP})? \s?\d?\s?[:：](?!\d) )
    | {_BEHIND_SENTENCE}\s* (?= [QA] \s?\d? \s?[:：] )"""
)
# In a line that begins with a label, another label need not follow a full stop.
_LABEL_WITHIN = re.compile(
    rf"""(?x) \s* (?= [\[【] (?i:{ROLES}|{UNNAMED}) [\]】] )
    | (?:(?<=\s)|(?<=[\u4e00-\u9fff])|(?<=[,，;；])) (?= (?:{STAMP}\s*)?
      (?! [a-z] ) (?i:{ROLES}|{UNNAMED}) {_NOTE} \s?[:：](?!\d) )
    | (?<=\s) (?= {STAMP} \s* {NAME} \s?[:：] )
    | {_BEHIND_SENTENCE} \s* (?= [QA] \d? [.)] \s )"""
)
_LETTER = r"(?:[A-Z甲乙丙丁男女面我候考生师官主问答]|Me|[QA]\d{1,2})"
_BEGINS_BY_LETTER = re.compile(rf"\s*{_LETTER}\s?[:：]")
_LETTER_WITHIN = re.compile(rf"(?:{_BEHIND_SENTENCE}\s*|(?<=\s))(?={_LETTER}\s?[:：](?!\d))")
_NAME_WITHIN = re.compile(rf"{_BEHIND_SENTENCE}\s+(?=(?P<name>{NAME})\s?(?:{STAMP})?\s?[:：]\s)")
_NUMBER = re.compile(r"\s*\d{1,2}[.)、]\s*")
_LABELS = (ROLE_LABEL, UNNAMED_LABEL, QUESTION_LABEL, LABEL)


def split_lines(text: str) -> Iterator[tuple[int, int]]:
    """Bounds of the lines, and of the parts of a line that begin with a label; blank ones are left out."""
    start = 0
    for match in [*re.finditer(r"\n", text), None]:
        end = match.start() if match else len(text)
        # The number of an item belongs to its label.
        within = (cut for cut in _find_cuts(text, start, end) if not _NUMBER.fullmatch(text, start, cut))
        cuts = sorted({start, *within, end})
        yield from ((low, high) for low, high in itertools.pairwise(cuts) if text[low:high].strip())
        start = end + 1


def _find_cuts(text: str, start: int, end: int) -> Iterator[int]:
    yield from (cut.end() for cut in _ROLE_WITHIN.finditer(text, start, end))
    if _BEGINS_BY_LETTER.match(text, start, end):
        yield from (cut.end() for cut in _LETTER_WITHIN.finditer(text, start, end))
    label = next((found for form in _LABELS if (found := form.match(text, start, end))), None)
    if label is None:
        return
    role = find_role(name) if (name := (label.groupdict().get("name") or "").strip()) else Role.NONE
    if role not in (Role.NONE, Role.NAME) or label.groupdict().get("before"):
        yield from (cut.end() for cut in _LABEL_WITHIN.finditer(text, label.end(), end))
    if role in (Role.NAME, Role.INTERVIEWER, Role.CANDIDATE):
        for cut in _NAME_WITHIN.finditer(text, label.end(), end):
            if find_role(cut["name"]) is not Role.NONE:
                yield cut.end()
