"""One language of feedback for each candidate: that of most of the candidate's answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from vivavoce.graders.reading.normal_text import detect_language

from .answer_rows import read_language
from .entries import Entry


def choose_languages(entries: Sequence[Entry], detect: Callable[[str], str] = detect_language) -> list[str | None]:
    """The language of the feedback on each entry; None for one without a candidate, and without any word to go by.

    Languages that the file gives count before those of the answers; of two with equally many, the first one counts.
    """
    groups: dict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[_identify_candidate(entry)].append(entry)
    languages = {key: _find_majority(group, detect) for key, group in groups.items() if key is not None}
    return [languages.get(_identify_candidate(entry)) for entry in entries]


def _identify_candidate(entry: Entry) -> object:
    # A row of a wide table is one candidate's, named or not.
    if entry.added:
        return entry.row.line
    return str(entry.cells.get("candidate") or "").strip() or None


def _find_majority(entries: Sequence[Entry], detect: Callable[[str], str]) -> str | None:
    given = Counter(language for entry in entries if (language := _read_given(entry)))
    texts = [str(entry.cells.get("answer") or "") for entry in entries]
    votes = given or Counter(detect(text) for text in texts if any(map(str.isalpha, text)))
    return votes.most_common(1)[0][0] if votes else None


def _read_given(entry: Entry) -> str | None:
    try:
        return read_language(entry.cells.get("language"))
    except ValueError:
        # Reported when the row is read.
        return None
