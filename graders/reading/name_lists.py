"""Lists that only name things ("attention, heads, softmax"): they state nothing, so their words earn nothing.

An answer is cut into clauses at commas, colons, brackets and the words that join; several clauses in a row that are
short and have no function word are a list, as is a long clause without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby, pairwise

from vivavoce.rubrics import Rubric

from . import normal_text

_CLAUSE_END = re.compile(
    r"[,;:，；：、/|()（）\n]|\s[-–—]\s|\b(?:and|or|as\swell\sas|plus)\b|以及|和|与|及|或", re.IGNORECASE
)
# So many names in a row are a list; fewer stand in many a sentence.
_FEWEST_NAMES = 3
# A sentence is a list from so many names on, in whatever style the answer is written.
_FEWEST_NAMES_OF_SENTENCE = 5
# Of the words of a key that asks for names. In the bank at most .23 are in lists, in half of the keys of a set of list
# questions (LE) .2 or more.
_LISTED_SHARE = 0.25
# In words, and in Chinese characters: the longest clause that may be a name, and the shortest that can be no statement.
_LONGEST_NAME, _LONGEST_HAN_NAME = 3, 8
_SHORTEST_HEAP, _SHORTEST_HAN_HEAP = 6, 14
# Figures other than those of a name (GPT-4, int8), and formulas.
_FIGURE = re.compile(r"(?<![A-Za-z-])\d|[=<>{}\\$_]")
_LABEL = re.compile(r"^[^，,：:、]{1,8}[：:]")
_ENDS_A_CLAUSE = re.compile(r"[，,；;：:。！？!?]")
# What decides here, for the record of what screening looked for.
RULES = (
    *(pattern.pattern for pattern in (_CLAUSE_END, _FIGURE, _LABEL, _ENDS_A_CLAUSE)),
    *(_FEWEST_NAMES, _FEWEST_NAMES_OF_SENTENCE, _LISTED_SHARE),
    *(_LONGEST_NAME, _LONGEST_HAN_NAME, _SHORTEST_HEAP, _SHORTEST_HAN_HEAP),
)


def stated(sentences: Sequence[str], key: str, rubric: Rubric) -> Sequence[str]:
    """Of each sentence of an answer, the part whose words count against a text of the rubric's key.

    All of it where names are asked for, or where the text has a list of names itself; elsewhere no list of names.
    """
    return sentences if asks_for_names(rubric) or _enumerates(key) else without_name_lists(tuple(sentences))


def asks_for_names(rubric: Rubric) -> bool:
    """Whether a full answer is a list of names to a good part, as where a question asks which things there are."""
    return _is_list_in_part(tuple(reference.text for reference in rubric.references))


@lru_cache(maxsize=1024)
def _is_list_in_part(texts: tuple[str, ...]) -> bool:
    counted = [(len(normal_text.words(clause)), is_listed) for one in texts for clause, is_listed in _listed(one)]
    listed = sum(count for count, is_listed in counted if is_listed)
    return listed >= _LISTED_SHARE * sum(count for count, _ in counted)


@lru_cache(maxsize=2048)
def _enumerates(string: str) -> bool:
    return any(is_listed for _, is_listed in _listed(string))


@lru_cache(maxsize=256)
def without_name_lists(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Each sentence without its lists of names; a list may go on over several sentences."""
    pieces = [(place, clause, part) for place, sentence in enumerate(sentences) for clause, part in _pieces(sentence)]
    marks = _mark_lists([clause for _, clause, _ in pieces])
    kept: dict[int, list[str]] = {place: [] for place, _, _ in pieces}
    for (place, _, part), is_listed in zip(pieces, marks, strict=True):
        if not is_listed:
            kept[place].append(part)
    # A sentence without a word, as a bare figure is, has no names.
    return tuple("".join(kept.get(place, [sentence])) for place, sentence in enumerate(sentences))


def only_names(sentence: str, keys: Iterable[str]) -> bool:
    """Whether a sentence is nothing but a list of names, and not one that a key gives.

    One of the `keys` gives it when that has a list of names too, and at least half of the sentence's names have a word
    of it. What has figures or formulas states something.
    """
    clauses = _clauses(sentence)
    if len(clauses) < _FEWEST_NAMES_OF_SENTENCE or _FIGURE.search(sentence):
        return False
    if not all(map(_is_name, clauses)) and not _is_han_list(sentence):
        return False
    return not any(_names_the_same(clauses, key) for key in keys)


def _is_han_list(sentence: str) -> bool:
    """Whether all that divides a sentence is the mark that joins names in Chinese, and it begins with a name."""
    names = _LABEL.sub("", sentence).rstrip("。.;；").split("、")
    return len(names) >= _FEWEST_NAMES_OF_SENTENCE and _is_name(names[0]) and not _ENDS_A_CLAUSE.search("".join(names))


def _names_the_same(clauses: list[str], key: str) -> bool:
    listed = {word for clause, is_listed in _listed(key) if is_listed for word in normal_text.words(clause)}
    return 2 * sum(bool(listed & set(normal_text.words(clause))) for clause in clauses) >= len(clauses)


def _listed(string: str) -> list[tuple[str, bool]]:
    """Each clause, and whether it is part of a list of names."""
    clauses = _clauses(string)
    return list(zip(clauses, _mark_lists(clauses), strict=True))


def _mark_lists(clauses: Iterable[str]) -> list[bool]:
    """Whether each of an answer's clauses is part of a list of names."""
    marks: list[bool] = []
    for may_be, run in groupby(clauses, key=lambda clause: _is_name(clause) or _is_heap(clause)):
        named = list(run)
        is_list = may_be and (len(named) >= _FEWEST_NAMES or any(map(_is_heap, named)))
        marks += [is_list] * len(named)
    return marks


def _clauses(string: str) -> list[str]:
    return [clause for clause, _ in _pieces(string)]


def _pieces(string: str) -> list[tuple[str, str]]:
    """Each clause that has a word, and its part of the text: up to the next one, the first from the start."""
    cuts = [match.span() for match in _CLAUSE_END.finditer(string)]
    spans = zip([0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(string)], strict=True)
    # The numbers and letters of a list, (1) or b), are no names.
    clauses = [span for span in spans if any(map(_is_word, normal_text.words(string[slice(*span)])))]
    borders = [0, *(start for start, _ in clauses[1:]), len(string)] if clauses else []
    return [(string[slice(*span)], string[slice(*part)]) for span, part in zip(clauses, pairwise(borders), strict=True)]


def _is_word(token: str) -> bool:
    return normal_text.has_han(token) or (len(token) > 1 and not token.isdigit())


def _is_name(clause: str) -> bool:
    tokens = normal_text.words(clause)
    longest = _LONGEST_HAN_NAME if _is_chinese(tokens) else _LONGEST_NAME
    return len(tokens) <= longest and not normal_text.STOP_WORDS.intersection(tokens)


def _is_heap(clause: str) -> bool:
    """Whether a clause is too long for a name, and has no function word to make a statement of it."""
    tokens = normal_text.words(clause)
    shortest = _SHORTEST_HAN_HEAP if _is_chinese(tokens) else _SHORTEST_HEAP
    return len(tokens) >= shortest and not normal_text.STOP_WORDS.intersection(tokens)


def _is_chinese(tokens: list[str]) -> bool:
    return 2 * sum(map(normal_text.has_han, tokens)) >= len(tokens)
