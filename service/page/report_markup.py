"""The text of an answer with its evidence highlighted and the parts that no model read marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from markupsafe import Markup, escape

from vivavoce.rubrics import Language

from .report_labels import LABELS
from .report_words import UNREAD

# Characters that set the direction of the text behind them.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
# In letters; what somebody says is longer.
_LONGEST_LABEL = 16
# (start, end, what is there), in code points of the answer.
_Unread = tuple[int, int, str]
_Evidence = tuple[int, int, int]


@dataclass(frozen=True)
class _Segment:
    """A piece of the answer: of a kind that was not read, or evidence for the criteria with these numbers."""

    text: str
    kind: str
    numbers: tuple[int, ...]


def mark_answer(answer: str, report: Mapping[str, Any], language: Language) -> Markup:
    """The answer as HTML, all of its characters escaped.

    Evidence is in `<mark>` with the numbers of its criteria, from 1. What no model read is in `<span class="unread">`
    with the reason, and is never shown as evidence.
    """
    unread = [(item["start"], item["end"], kind) for kind in UNREAD for item in report.get(kind, ())]
    evidence = [
        (item["start"], item["end"], number)
        for number, criterion in enumerate(report.get("criteria", ()), start=1)
        for item in criterion["evidence"]
    ]
    segments = _split_answer(answer, _join_neighbours(answer, unread), evidence)
    return Markup("").join(_mark_segment(segment, language) for segment in segments)


def list_unread_kinds(report: Mapping[str, Any]) -> list[str]:
    """The kinds of parts of the answer that no model read."""
    return [kind for kind in UNREAD if report.get(kind)]


def _join_neighbours(answer: str, spans: Iterable[_Unread]) -> list[_Unread]:
    """Spans of one kind with only white space between them become one, so that the reason is given once.

    Parts of the context stay apart, so that a label does not become part of what another speaker says.
    """
    joined: list[_Unread] = []
    for start, end, kind in sorted(spans):
        is_same = joined and joined[-1][2] == kind != "context"
        if is_same and not answer[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]), kind)
        else:
            joined.append((start, end, kind))
    return joined


def _split_answer(answer: str, unread: Sequence[_Unread], evidence: Sequence[_Evidence]) -> Iterator[_Segment]:
    cuts = {0, len(answer)}
    cuts |= {min(cut, len(answer)) for start, end, _ in [*unread, *evidence] for cut in (start, end)}
    pieces = []
    for start, end in pairwise(sorted(cuts)):
        kind = next((kind for low, high, kind in unread if low <= start and end <= high), "")
        numbers = {number for low, high, number in evidence if low <= start and end <= high}
        pieces.append(_Segment(answer[start:end], kind, () if kind else tuple(sorted(numbers))))
    # Bounds of evidence inside of what was not read leave neighbours that look alike.
    for (kind, shown), group in groupby(pieces, key=lambda piece: (piece.kind, piece.numbers)):
        yield _Segment("".join(piece.text for piece in group), kind, shown)


def _mark_segment(segment: _Segment, language: Language) -> Markup:
    # Labels and time stamps explain themselves.
    if segment.kind == "context" and sum(map(str.isalpha, segment.text)) <= _LONGEST_LABEL:
        return Markup('<span class="unread">{}</span>').format(segment.text)
    if segment.kind:
        reason = LABELS[language]["unread"].format(reason=UNREAD[segment.kind][language])
        opening = Markup('<span class="unread">{}<small> [{}]</small></span>')
        return opening.format(_isolate(segment.text), reason)
    if segment.numbers and segment.text.strip():
        shown = ", ".join(map(str, segment.numbers))
        return Markup("<mark>{}<sup>{}</sup></mark>").format(_isolate(segment.text), shown)
    return _isolate(segment.text)


def _isolate(text: str) -> Markup:
    """Text that cannot turn the direction of what follows it."""
    return Markup("<bdi>{}</bdi>").format(text) if _TURNING.search(text) else escape(text)
