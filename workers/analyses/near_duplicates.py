"""Finds texts that are nearly the same, in Chinese and English, by their characters and never by words.

Two measures, each 0 to 1, of which the higher counts: the longest common subsequence as a share of both texts (Indel
similarity, `rapidfuzz`), which survives small edits, and the Dice coefficient of their character n-grams (Dice 1945,
"Measures of the Amount of Ecologic Association Between Species"), which survives sentences in another order. Up to
`MAX_BLOCK` texts the first is taken of all pairs; beyond, and for the second, MinHash with banding proposes the pairs
(Broder 1997, "On the Resemblance and Containment of Documents"; `datasketch`).
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Indel

from vivavoce.graders.reading.chinese_script import has_han
from vivavoce.graders.reading.normal_text import normalise, split_sentences

MAX_BLOCK = 5000
MIN_WEIGHT = 80
"""Letters and digits that a text must have, where a Chinese character counts as two."""
THRESHOLD = 0.8
"""Similarity (0 to 1) from which two texts are near-duplicates."""
# An n-gram of three Chinese characters, or six letters.
_GRAM_WEIGHT = 6
_ROWS_AT_ONCE = 500
_PERMUTATIONS = 128
# Copies with edits keep fewer of their n-grams than of their characters.
_LSH_THRESHOLD = 0.4


@dataclass(frozen=True)
class Pair:
    """Two texts by their indices, the lower first, and their similarity (0 to 1)."""

    first: int
    second: int
    similarity: float


@dataclass(frozen=True)
class Group:
    """Texts by their indices, each with its similarity (0 to 1) to the nearest other."""

    members: tuple[tuple[int, float], ...]

    @property
    def similarity(self) -> float:
        """The lowest similarity of a member to its nearest."""
        return min(similarity for _, similarity in self.members)


@dataclass(frozen=True)
class Canonical:
    """A text as it is compared: its letters and digits only, in lower case and one Chinese script."""

    text: str

    @cached_property
    def weight(self) -> int:
        """The number of letters and digits, where a Chinese character counts as two."""
        return sum(map(_weigh, self.text))

    # Not kept: the n-grams of 10,000 answers take 400 MB.
    def list_grams(self) -> frozenset[str]:
        """Returns the character n-grams: three Chinese characters, six letters, or what weighs as much."""
        return frozenset(_list_grams(self.text))


def canonicalise(raw: str, *, without: Canonical | None = None) -> Canonical:
    """Returns a text as it is compared, without the sentences that occur in another text, such as the question."""
    normal = normalise(raw).text
    sentences = (normal[start:end] for start, end in split_sentences(normal))
    kept = (_keep_letters(sentence) for sentence in sentences)
    return Canonical("".join(piece for piece in kept if without is None or piece not in without.text))


def measure_similarity(first: Canonical, second: Canonical) -> float:
    """Returns how similar two texts are, 0 to 1."""
    in_order = float(Indel.normalized_similarity(first.text, second.text))
    return max(in_order, _measure_dice(first.list_grams(), second.list_grams()))


def measure_copied_share(copy: Canonical, source: Canonical) -> float:
    """Returns the share (0 to 1) of a text's n-grams that another text has too; 0 for a text without any."""
    grams = copy.list_grams()
    return len(grams & source.list_grams()) / len(grams) if grams else 0.0


def find_groups(
    texts: Sequence[Canonical], *, owners: Sequence[Hashable | None] = (), threshold: float = THRESHOLD
) -> list[Group]:
    """Returns groups of texts in which each is at least as similar to another as the threshold, the closest first.

    `owners` has the owner of each text; a group whose texts all have one owner is left out, and None owns nothing.
    """
    nearest: dict[int, float] = {}
    parents = list(range(len(texts)))
    for pair in find_pairs(texts, threshold=threshold):
        for index in (pair.first, pair.second):
            nearest[index] = max(nearest.get(index, 0.0), pair.similarity)
        parents[_find_root(parents, pair.second)] = _find_root(parents, pair.first)
    members: dict[int, list[int]] = defaultdict(list)
    for index in sorted(nearest):
        members[_find_root(parents, index)].append(index)
    groups = [Group(tuple((index, nearest[index]) for index in indices)) for indices in members.values()]
    return sorted(
        (group for group in groups if not owners or not _has_one_owner(group, owners)),
        key=lambda group: (-group.similarity, group.members),
    )


def find_pairs(texts: Sequence[Canonical], *, threshold: float = THRESHOLD) -> list[Pair]:
    """Returns pairs of texts that are at least as similar as the threshold.

    Of texts that are the same, each makes a pair with the first only, so that they are few.
    """
    same: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        same[text.text].append(index)
    firsts = [indices[0] for indices in same.values()]
    pairs = [Pair(indices[0], other, 1.0) for indices in same.values() for other in indices[1:]]
    distinct = [texts[index] for index in firsts]
    return pairs + [
        Pair(firsts[pair.first], firsts[pair.second], pair.similarity)
        for pair in _find_distinct_pairs(distinct, threshold)
    ]


def _find_distinct_pairs(texts: Sequence[Canonical], threshold: float) -> Iterator[Pair]:
    seen: set[tuple[int, int]] = set()
    if len(texts) <= MAX_BLOCK:
        for first, second, similarity in _compare_all(texts, threshold):
            seen.add((first, second))
            yield Pair(first, second, similarity)
    for first, second in _propose_pairs(texts):
        if (first, second) in seen:
            continue
        seen.add((first, second))
        similarity = measure_similarity(texts[first], texts[second])
        if similarity >= threshold:
            yield Pair(first, second, similarity)


def _compare_all(texts: Sequence[Canonical], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Yields the pairs of texts with much of their characters in common, a few hundred rows at a time."""
    strings = [text.text for text in texts]
    for start in range(0, len(strings), _ROWS_AT_ONCE):
        similar = process.cdist(
            strings[start : start + _ROWS_AT_ONCE],
            strings[start:],
            scorer=Indel.normalized_similarity,
            score_cutoff=threshold,
            dtype=np.float32,
        )
        for row, column in np.argwhere(similar >= threshold):
            if row < column:
                yield start + int(row), start + int(column), float(similar[row, column])


def _propose_pairs(texts: Sequence[Canonical]) -> Iterator[tuple[int, int]]:
    """Yields pairs of texts with many n-grams in common, most of those that there are."""
    # Late: its scipy takes 50 MiB, and few jobs of a worker need it.
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=_LSH_THRESHOLD, num_perm=_PERMUTATIONS)
    for number, text in enumerate(texts):
        grams = text.list_grams()
        if not grams:
            continue
        sketch = MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)
        sketch.update_batch([gram.encode() for gram in grams])
        yield from ((int(other), number) for other in index.query(sketch))
        index.insert(number, sketch)


def _find_root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _has_one_owner(group: Group, owners: Sequence[Hashable | None]) -> bool:
    return len({owners[index] if owners[index] is not None else (index,) for index, _ in group.members}) < 2


def _measure_dice(first: frozenset[str], second: frozenset[str]) -> float:
    total = len(first) + len(second)
    return 2 * len(first & second) / total if total else 0.0


def _keep_letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _weigh(character: str) -> int:
    return 2 if has_han(character) else 1


def _list_grams(text: str) -> Iterator[str]:
    weights = [_weigh(character) for character in text]
    end = weight = 0
    for start in range(len(text)):
        while end < len(text) and weight < _GRAM_WEIGHT:
            weight += weights[end]
            end += 1
        if weight < _GRAM_WEIGHT:
            return
        yield text[start:end]
        weight -= weights[start]
