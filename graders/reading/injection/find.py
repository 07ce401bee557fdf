"""Finds the sentences of an answer that address the grader, by patterns and by the classifier."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .. import normal_text
from ..sentence_classifier import SentenceClassifier
from ..terms import terms
from .addressee import RULES, is_in_trained_language, speaks_to_somebody
from .encodings import find_encoded
from .patterns import read_about_this_answer, read_patterns, read_report_patterns
from .reported_speech import is_report, leave_out_quotes
from .spellings import list_spellings

# Answers to questions on judging or prompts share their words with attacks.
_SHARE_ON_SUBJECT = 0.5
# Words before markup that make its sentence one about markup.
_MOST_WORDS_BEFORE = 2


@dataclass(frozen=True)
class Injections:
    """Result of the search: `masked` bounds the text that no model reads, `suspected` says whether to flag the answer.

    An answer may be suspected without a masked part.
    """

    masked: list[tuple[int, int]]
    suspected: bool


@dataclass(frozen=True)
class _Finding:
    """What is found in a sentence: it `resembles` an attack, and it `addresses` the grader about this answer."""

    resembles: bool = False
    addresses: bool = False


def list_rules() -> tuple[str | float, ...]:
    """All patterns and the share on the subject, for the revision of the screening."""
    reports = (pattern.regex.pattern for pattern in read_report_patterns())
    return (
        *(pattern.regex.pattern for pattern in read_patterns()),
        *reports,
        read_about_this_answer().pattern,
        *RULES,
        _SHARE_ON_SUBJECT,
    )


def find_injections(
    whole: str, bounds: Sequence[tuple[int, int]], known_terms: frozenset[str], classifier: SentenceClassifier | None
) -> Injections:
    """Find the sentences, bounded by `bounds` in the text `whole`, that address the grader.

    The patterns decide alone if `classifier` is None. The classifier adds sentences, except those of which at least
    half the content words are among `known_terms`, the content words of the question and its key. Where the classifier
    is not sure, and where a sentence only reports, quotes or defines what is said to a grader, the answer is suspected
    and the sentence is not masked. If every sentence is recognised,
    only those that a pattern matches are masked: then a model has to say what the others are worth. Masked spans that
    touch are merged.
    """
    sentences = [whole[start:end] for start, end in bounds]
    encoded = _find_encoded_attacks(whole)
    by_pattern = [
        _Finding(True, True) if _overlaps_any(span, encoded) else _search_patterns(sentence)
        for span, sentence in zip(bounds, sentences, strict=True)
    ]
    sure = likely = plausible = [False] * len(sentences)
    if classifier:
        is_off_subject = [not _is_on_subject(sentence, known_terms) for sentence in sentences]
        is_speech = _and_pairwise(is_off_subject, map(speaks_to_somebody, sentences))
        sure = _and_pairwise(is_speech, classifier.addresses_grader(sentences, certainty="sure"))
        likely = _and_pairwise(is_speech, classifier.addresses_grader(sentences, certainty="likely"))
        plausible = _and_pairwise(is_off_subject, classifier.addresses_grader(sentences, certainty="plausible"))
    addresses = [
        finding.addresses or (is_sure and not finding.resembles and _is_address(sentence))
        for finding, is_sure, sentence in zip(by_pattern, sure, sentences, strict=True)
    ]
    is_likely_address = (found and _is_address(sentence) for found, sentence in zip(likely, sentences, strict=True))
    spread = _spread_to_neighbours(addresses, plausible)
    masked = [finding.addresses for finding in by_pattern] if all(spread) else spread
    return Injections(
        masked=normal_text.join_spans(list(itertools.compress(bounds, masked))),
        suspected=bool(encoded)
        or any(sure)
        or any(is_likely_address)
        or any(finding.resembles for finding in by_pattern),
    )


def has_pattern(sentences: Sequence[str]) -> bool:
    """Whether a sentence resembles an attack by a pattern alone."""
    return any(_search_patterns(sentence).resembles for sentence in sentences)


def _find_encoded_attacks(text: str) -> list[tuple[int, int]]:
    return [(start, end) for start, end, decoded in find_encoded(text) if _holds_attack(decoded)]


def _holds_attack(text: str) -> bool:
    pieces = (text[start:end] for start, end in normal_text.split_sentences(text))
    return any(_search_patterns(piece).resembles for piece in pieces)


def _and_pairwise(first: Iterable[bool], second: Iterable[bool]) -> list[bool]:
    return [left and right for left, right in zip(first, second, strict=True)]


def _overlaps_any(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _spread_to_neighbours(recognised: Sequence[bool], likely: Sequence[bool]) -> list[bool]:
    """The recognised sentences, and the runs of likely ones that touch a recognised one."""
    spread = list(recognised)
    # Both ways: the rest of an attack may precede it.
    for order in (range(1, len(spread)), range(len(spread) - 2, -1, -1)):
        step = -order.step
        for index in order:
            spread[index] = spread[index] or (likely[index] and spread[index + step])
    return spread


def _is_on_subject(sentence: str, known_terms: frozenset[str]) -> bool:
    sentence_terms = terms(sentence)
    return bool(sentence_terms) and len(sentence_terms & known_terms) >= _SHARE_ON_SUBJECT * len(sentence_terms)


def _search_patterns(sentence: str) -> _Finding:
    readings = [reading for reading in list_spellings(sentence) if _matches(reading)]
    if not readings:
        return _Finding()
    return _Finding(resembles=True, addresses=any(map(_orders_or_claims, readings)))


def _orders_or_claims(reading: str) -> bool:
    """Whether the sentence itself, not a quotation in it, gives an order to the grader or claims a grade."""
    rest = leave_out_quotes(reading)
    return not is_report(rest) and _matches(rest, as_address=True)


def _is_address(sentence: str) -> bool:
    """Whether the classifier's verdict on a sentence is to be trusted: it reports nothing, in a language we read."""
    return not is_report(leave_out_quotes(sentence)) and is_in_trained_language(sentence)


def _matches(reading: str, *, as_address: bool = False) -> bool:
    """Whether a pattern matches; `as_address` leaves out markup in the middle of a sentence."""
    for pattern in read_patterns():
        found = pattern.regex.search(reading)
        if found and not (as_address and pattern.at_start and _has_words_before(reading, found.start())):
            return True
    return False


def _has_words_before(reading: str, start: int) -> bool:
    return len(normal_text.words(reading[:start])) > _MOST_WORDS_BEFORE
