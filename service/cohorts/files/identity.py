"""The external ids of answers that have none of their own: of what the row says, never of its number."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vivavoce.graders.reading.normal_text import fold

MAX_ID_CODE_POINTS = 200
# Excel keeps 15 digits of a number.
_FIRST_DAMAGED = 1e15
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,2}")


def is_damaged(value: Any) -> bool:
    """Whether an id was stored as a number that has lost digits, or its text is one in scientific form."""
    if isinstance(value, float):
        return abs(value) >= _FIRST_DAMAGED
    return isinstance(value, str) and _SCIENTIFIC.fullmatch(value.strip()) is not None


def write_id(value: Any) -> str:
    """An id as text; empty for an empty cell."""
    return "" if value is None else str(value).strip()


class IdMaker:
    """Makes the external ids of one file."""

    def __init__(self, identity: Sequence[str]) -> None:
        """`identity` are the columns that say whose answer a row has."""
        self._identity = identity
        self._seen: Counter[str] = Counter()

    def make_id(self, values: Mapping[str, Any], *, question_id: str, answer: str) -> tuple[str, bool]:
        """The id of an answer, and whether it tells whose the answer is.

        An answer of nobody known is identified by its text, and equal ones by how many came before.
        """
        cells = [fold(write_id(values.get(column))).text.lower() for column in self._identity]
        if any(cells):
            return _hash("c", cells, question_id), True
        text = _hash("a", [answer], question_id)
        self._seen[text] += 1
        return _hash("a", [answer, str(self._seen[text])], question_id), False


def find_lost_zeros(values: Sequence[Any]) -> bool:
    """Whether ids are numbers of which a few are shorter than most, as if they had begun with 0."""
    numbers = [str(value) for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if len(numbers) < 2 or len(numbers) < len([value for value in values if value is not None]):
        return False
    lengths = Counter(map(len, numbers))
    longest = max(lengths)
    return longest >= 4 and len(lengths) > 1 and 2 * lengths[longest] > len(numbers)


def _hash(kind: str, parts: Sequence[str], question_id: str) -> str:
    text = json.dumps([*parts, question_id], ensure_ascii=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:40]}"
