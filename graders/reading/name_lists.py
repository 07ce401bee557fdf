"""Lists of names ("attention, heads, softmax"): they state nothing, so their words earn nothing.

A text is cut into clauses at commas, colons, brackets and conjunctions. A clause is a name if it is short and has no
function word, and a keyword run if it is long and has none. Three names in a row or a keyword run make a list.
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
# Fewer names in a row occur in ordinary sentences.
_MIN_NAMES = 3
# For a sentence that is nothing but a list.
_MIN_NAMES_OF_SENTENCE = 5
# Share of a key's words; the bank stays below .23.
_LISTED_SHARE = 0.25
# In words, and in Chinese characters.
_LONGEST_NAME, _LONGEST_HAN_NAME = 3, 8
_SHORTEST_RUN, _SHORTEST_HAN_RUN = 6, 14
# Figures other than those of a name (GPT-4, int8), and formulas.
_FIGURE = re.compile(r"(?<![A-Za-z-])\d|[=<>{}\\$_]")
_LABEL = re.compile(r"^[^，,：:、]{1,8}[：:]")
_ENDS_A_CLAUSE = re.compile(r"[，,；;：:。！？!?]")
# Hashed into the revision of the screening.
RULES = (
    *(pattern.pattern for pattern in (_CLAUSE_END, _FIGURE, _LABEL, _ENDS_A_CLAUSE)),
    *(_MIN_NAMES, _MIN_NAMES_OF_SENTENCE, _LISTED_SHARE),
    *(_LONGEST_NAME, _LONGEST_HAN_NAME, _SHORTEST_RUN, _SHORTEST_HAN_RUN),
)


def stated(sentences: Sequence[str], key: str, rubric: Rubric) -> Sequence[str]:
    """The part of each sentence whose words count against `key`, one text of the rubric's key.

    Lists of names do not count, unless the question asks for names or `key` has a list of names itself.
    """
    return sentences if asks_for_names(rubric) or _has_list(key) else without_name_lists(tuple(sentences))


def asks_for_names(rubric: Rubric) -> bool:
    """Whether lists of names hold at least a quarter of the words of the rubric's references.

    They do if a question asks which things there are.
    """
    return _is_list_in_part(tuple(reference.text for reference in rubric.references))


@lru_cache(maxsize=1024)
def _is_list_in_part(texts: tuple[str, ...]) -> bool:
    counts = [
        (len(normal_text.words(clause)), is_listed) for text in texts for clause, is_listed in _mark_clauses(text)
    ]
    listed = sum(count for count, is_listed in counts if is_listed)
    return listed >= _LISTED_SHARE * sum(count for count, _ in counts)


@lru_cache(maxsize=2048)
def _has_list(text: str) -> bool:
    return any(is_listed for _, is_listed in _mark_clauses(text))


@lru_cache(maxsize=256)
def without_name_lists(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Each sentence without its lists of names; a list may span several sentences."""
    parts = [
        (index, clause, part) for index, sentence in enumerate(sentences) for clause, part in _cut_into_parts(sentence)
    ]
    marks = _mark_lists([clause for _, clause, _ in parts])
    kept: dict[int, list[str]] = {index: [] for index, _, _ in parts}
    for (index, _, part), is_listed in zip(parts, marks, strict=True):
        if not is_listed:
            kept[index].append(part)
    # A sentence without a word, such as a bare figure, has no names.
    return tuple("".join(kept.get(index, [sentence])) for index, sentence in enumerate(sentences))


def only_names(sentence: str, keys: Iterable[str]) -> bool:
    """Whether a sentence is nothing but a list of at least five names, and no key gives that list.

    A key gives the list if it has a list of names too, and at least half of the sentence's names share a word with it.
    A sentence with a figure or a formula states something.
    """
    clauses = _split_clauses(sentence)
    if len(clauses) < _MIN_NAMES_OF_SENTENCE or _FIGURE.search(sentence):
        return False
    if not all(map(_is_name, clauses)) and not _is_han_list(sentence):
        return False
    return not any(_lists_the_same(clauses, key) for key in keys)


def _is_han_list(sentence: str) -> bool:
    """Whether the sentence begins with a name and only the Chinese enumeration comma divides it."""
    names = _LABEL.sub("", sentence).rstrip("。.;；").split("、")
    return len(names) >= _MIN_NAMES_OF_SENTENCE and _is_name(names[0]) and not _ENDS_A_CLAUSE.search("".join(names))


def _lists_the_same(clauses: list[str], key: str) -> bool:
    """Whether at least half of the clauses share a word with a list of names in the key."""
    listed = {word for clause, is_listed in _mark_clauses(key) if is_listed for word in normal_text.words(clause)}
    return 2 * sum(bool(listed & set(normal_text.words(clause))) for clause in clauses) >= len(clauses)


def _mark_clauses(text: str) -> list[tuple[str, bool]]:
    """Each clause, and whether it is part of a list of names."""
    clauses = _split_clauses(text)
    return list(zip(clauses, _mark_lists(clauses), strict=True))


def _mark_lists(clauses: Iterable[str]) -> list[bool]:
    """For each clause, whether it is part of a list of names."""
    marks: list[bool] = []
    for may_be, run in groupby(clauses, key=lambda clause: _is_name(clause) or _is_keyword_run(clause)):
        group = list(run)
        is_list = may_be and (len(group) >= _MIN_NAMES or any(map(_is_keyword_run, group)))
        marks += [is_list] * len(group)
    return marks


def _split_clauses(text: str) -> list[str]:
    return [clause for clause, _ in _cut_into_parts(text)]


def _cut_into_parts(text: str) -> list[tuple[str, str]]:
    """Each clause that has a word, and its part of the text, which reaches to the next clause.

    The first part begins with the text, so the parts together are the text.
    """
    cuts = [match.span() for match in _CLAUSE_END.finditer(text)]
    spans = zip([0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)], strict=True)
    # Item labels such as (1) or b) are no names.
    clauses = [span for span in spans if any(map(_is_word, normal_text.words(text[slice(*span)])))]
    borders = [0, *(start for start, _ in clauses[1:]), len(text)] if clauses else []
    return [(text[slice(*span)], text[slice(*part)]) for span, part in zip(clauses, pairwise(borders), strict=True)]


def _is_word(token: str) -> bool:
    return normal_text.has_han(token) or (len(token) > 1 and not token.isdigit())


def _is_name(clause: str) -> bool:
    """Whether a clause is short enough for a name and has no function word."""
    tokens = normal_text.words(clause)
    longest = _LONGEST_HAN_NAME if _is_chinese(tokens) else _LONGEST_NAME
    return len(tokens) <= longest and not normal_text.STOP_WORDS.intersection(tokens)


def _is_keyword_run(clause: str) -> bool:
    """Whether a clause is too long for a name, and has no function word that would make it a statement."""
    tokens = normal_text.words(clause)
    shortest = _SHORTEST_HAN_RUN if _is_chinese(tokens) else _SHORTEST_RUN
    return len(tokens) >= shortest and not normal_text.STOP_WORDS.intersection(tokens)


def _is_chinese(tokens: list[str]) -> bool:
    return 2 * sum(map(normal_text.has_han, tokens)) >= len(tokens)
