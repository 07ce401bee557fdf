"""The most that models read of an answer and of a rubric's key.

Networks and judges take time in proportion to what they read, so a text of any length would take any time. Lengths are
in units: an ASCII character has three, any other five. A Chinese character costs more, as it is half a word.
Answers and keys within the limits, as nearly all are, are read whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from vivavoce.rubrics import Rubric

from . import normal_text
from .terms import terms

# Over six minutes of speech: 5,000 English or 3,000 Chinese characters.
ANSWER_UNITS, ANSWER_SENTENCES = 15_000, 400
# The bank's largest key has 9,000 units in all.
STATEMENT_UNITS, REFERENCE_UNITS, REFERENCE_SENTENCES = 72_000, 48_000, 400
# Hashed into the revision of the screening.
RULES = (ANSWER_UNITS, ANSWER_SENTENCES, STATEMENT_UNITS, REFERENCE_UNITS, REFERENCE_SENTENCES)


def count_units(text: str) -> int:
    """Length of a text in units."""
    ascii_characters = len(text.encode("ascii", "ignore"))
    return 3 * ascii_characters + 5 * (len(text) - ascii_characters)


def choose_sentences(sentences: Sequence[str], rubric: Rubric) -> list[bool]:
    """For each sentence of an answer, whether models read it: all of them if they are within the limits.

    Else each statement of the key in turn takes the sentence that shares most content words with it, until the limits
    are reached; what is left goes to the earliest sentences. A sentence that occurs again counts once.
    """
    unique = list(dict.fromkeys(sentences))
    if _fit(unique, ANSWER_UNITS, ANSWER_SENTENCES):
        return [True] * len(sentences)
    chosen: set[str] = set()
    left = ANSWER_UNITS
    for sentence in itertools.chain(_order_by_statement(unique, rubric), unique):
        if len(chosen) == ANSWER_SENTENCES:
            break
        if sentence not in chosen and (units := count_units(sentence)) <= left:
            chosen.add(sentence)
            left -= units
    return [sentence in chosen for sentence in sentences]


def list_statements(rubric: Rubric) -> list[str]:
    """All texts that an answer is compared with, without duplicates: expected points, then level descriptions."""
    levels = [level.description.strip() for criterion in rubric.criteria for level in criterion.levels[1:]]
    return list(dict.fromkeys([*(point.text for point in rubric.expected_points), *levels]))


def shorten_statements(statements: Sequence[str]) -> list[str]:
    """The statements; if they exceed the limit together, the longest are cut to one length."""
    lengths = sorted(map(count_units, statements))
    left = STATEMENT_UNITS
    for number, length in enumerate(lengths):
        # What each of the remaining statements may have.
        share = left // (len(lengths) - number)
        if length > share:
            return [_cut_text(statement, share) for statement in statements]
        left -= length
    return list(statements)


def list_reference_sentences(rubric: Rubric) -> list[str]:
    """The sentences of the references in normal form, each once; from the first, as many as are within the limits."""
    sentences = _split_references(rubric)
    units = itertools.accumulate(map(count_units, sentences))
    within = [sentence for sentence, total in zip(sentences, units, strict=True) if total <= REFERENCE_UNITS]
    return within[:REFERENCE_SENTENCES]


def exceeds_limits(rubric: Rubric) -> bool:
    """Whether a key is so long that models read a part of it only."""
    statements_fit = sum(map(count_units, list_statements(rubric))) <= STATEMENT_UNITS
    return not (statements_fit and _fit(_split_references(rubric), REFERENCE_UNITS, REFERENCE_SENTENCES))


def _fit(sentences: Sequence[str], most_units: int, most_sentences: int) -> bool:
    return len(sentences) <= most_sentences and sum(map(count_units, sentences)) <= most_units


def _order_by_statement(sentences: Sequence[str], rubric: Rubric) -> Iterator[str]:
    """Sentences that share content words with a statement: the nearest to each statement, then the second ones, …"""
    question = terms(rubric.question.text)
    sentence_terms = [terms(sentence) for sentence in sentences]
    rankings = []
    for statement in list_statements(rubric):
        wanted = terms(statement) - question
        shared = [(len(wanted & words), index) for index, words in enumerate(sentence_terms)]
        # Of equally near sentences the earlier one comes first.
        nearest = sorted((pair for pair in shared if pair[0]), key=lambda pair: (-pair[0], pair[1]))
        rankings.append([sentences[index] for _, index in nearest])
    for places in itertools.zip_longest(*rankings):
        yield from (sentence for sentence in places if sentence is not None)


def _split_references(rubric: Rubric) -> list[str]:
    normals = [normal_text.normalise(reference.text).text for reference in rubric.references]
    return list(dict.fromkeys(n[start:end] for n in normals for start, end in normal_text.split_sentences(n)))


def _cut_text(text: str, most_units: int) -> str:
    units = itertools.accumulate(map(count_units, text))
    return text[: sum(1 for _ in itertools.takewhile(lambda total: total <= most_units, units))]
