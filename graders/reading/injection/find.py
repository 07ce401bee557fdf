"""Finds the sentences of an answer that address the grader, by patterns and by the classifier."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from .. import normal_text
from ..sentence_classifier import CERTAINTIES, SentenceClassifier
from ..terms import terms
from . import addressee, other_languages
from .addressee import speaks_of_somebody, speaks_of_this_answer, speaks_to_somebody, speaks_to_you
from .encodings import find_encoded
from .other_languages import demands_grade, is_in_trained_language, is_told, may_demand_grade
from .patterns import (
    read_about_this_answer,
    read_patterns,
    read_quotation_patterns,
    read_report_patterns,
    read_words,
)
from .reported_speech import find_reported_quotations, is_report, leave_out_quotes
from .spellings import is_turned_attack, list_spellings

# Answers to questions on judging or prompts share their words with attacks.
_SHARE_ON_SUBJECT = 0.5
# Words before markup that make its sentence one about markup.
_MOST_WORDS_BEFORE = 2
# A sentence that begins so is markup as a whole.
_OPENING = "{[<|"


@dataclass(frozen=True)
class Injections:
    """Result of the search: `masked` bounds the text that no model reads, `suspected` says whether to flag the answer.

    An answer may be suspected without a masked part.
    """

    masked: list[tuple[int, int]]
    suspected: bool


@dataclass(frozen=True)
class _Guess:
    """What the classifier makes of a sentence; one that `is_plausible` is masked beside a masked one."""

    resembles: bool = False
    addresses: bool = False
    is_plausible: bool = False
    is_sure: bool = False


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
        *(pattern.pattern for pattern in (*read_words().values(), *read_quotation_patterns().values())),
        *addressee.RULES,
        *other_languages.RULES,
        _SHARE_ON_SUBJECT,
    )


def find_injections(
    whole: str, bounds: Sequence[tuple[int, int]], known_terms: frozenset[str], classifier: SentenceClassifier | None
) -> Injections:
    """Find the sentences, bounded by `bounds` in the text `whole`, that address the grader.

    The patterns decide alone if `classifier` is None. The classifier adds sentences, except those of which at least
    half the content words are among `known_terms`, the content words of the question and its key. Where the classifier
    is not sure, and where a sentence only reports, quotes or defines what is said to a grader, the answer is suspected
    and the sentence is not masked. If every sentence is recognised, only those that a pattern matches are masked: then
    a model has to say what the others are worth. Masked spans that touch are merged.
    """
    sentences = [whole[start:end] for start, end in bounds]
    encoded = _find_encoded_attacks(whole, classifier)
    quotations = list(find_reported_quotations(whole))
    by_pattern = [
        _Finding(True, True) if _overlaps_any(span, encoded) else _search_around(whole, span, quotations)
        for span in bounds
    ]
    guessed = _classify(sentences, known_terms, classifier)
    is_told = [_overlaps_any(span, quotations) for span in bounds]
    addresses = [
        finding.addresses or (guess.addresses and not finding.resembles and not told)
        for finding, guess, told in zip(by_pattern, guessed, is_told, strict=True)
    ]
    spread = _spread_to_neighbours(
        addresses, [guess.is_plausible and not told for guess, told in zip(guessed, is_told, strict=True)]
    )
    masked = [finding.addresses for finding in by_pattern] if all(spread) else spread
    return Injections(
        masked=normal_text.join_spans([*itertools.compress(bounds, masked), *encoded]),
        suspected=bool(encoded)
        or any(
            finding.addresses
            or (finding.resembles and classifier is None)
            or ((finding.resembles or guess.resembles) and (guess.is_sure if told else guess.is_plausible))
            for finding, guess, told in zip(by_pattern, guessed, is_told, strict=True)
        ),
    )


def holds_attack(text: str, classifier: SentenceClassifier | None = None) -> bool:
    """Whether a text that nobody sees resembles an attack, for `classifier` plausibly."""
    pieces = [text[start:end] for start, end in normal_text.split_sentences(text)]
    if any(_search_patterns(piece).resembles for piece in pieces):
        return True
    return classifier is not None and any(classifier.addresses_grader(pieces, certainty="plausible"))


def _find_encoded_attacks(text: str, classifier: SentenceClassifier | None) -> list[tuple[int, int]]:
    return [
        (start, end)
        for start, end, decoded in find_encoded(text)
        if holds_attack(decoded, classifier) or any(holds_attack(inner) for _, _, inner in find_encoded(decoded))
    ]


def _search_around(whole: str, span: tuple[int, int], quotations: Sequence[tuple[int, int]]) -> _Finding:
    """What the patterns find in a sentence, where a reported quotation in it gives no order."""
    finding = _search_patterns(whole[span[0] : span[1]])
    told = [quotation for quotation in quotations if _overlaps_any(span, [quotation])]
    if not finding.addresses or not told:
        return finding
    rest, last = [], span[0]
    for start, end in told:
        rest.append(whole[last : max(start, last)])
        last = end
    return _Finding(True, _search_patterns(" … ".join([*rest, whole[last : span[1]]])).addresses)


def _classify(
    sentences: Sequence[str], known_terms: frozenset[str], classifier: SentenceClassifier | None
) -> list[_Guess]:
    """What the classifier thinks of each sentence."""
    if classifier is None:
        return [_Guess()] * len(sentences)
    by_certainty = (classifier.addresses_grader(sentences, certainty=level) for level in CERTAINTIES)
    return [
        _Guess() if _is_on_subject(sentence, known_terms) else _weigh(sentence, *certain)
        for sentence, *certain in zip(sentences, *by_certainty, strict=True)
    ]


def _weigh(sentence: str, plausible: bool, likely: bool, sure: bool, certain: bool) -> _Guess:
    """The more a sentence speaks to its reader, the less certain the classifier has to be."""
    if not plausible:
        return _Guess()
    if not is_in_trained_language(sentence):
        is_demand = may_demand_grade(sentence)
        return _Guess(
            is_demand or certain or (sure and not is_told(sentence)), is_demand, is_plausible=True, is_sure=sure
        )
    speaks = speaks_to_somebody(sentence)
    is_address = (likely and speaks_to_you(sentence)) or (sure and speaks_of_somebody(sentence)) or (certain and speaks)
    if _is_report(sentence):
        return _Guess(resembles=sure and speaks, is_plausible=True, is_sure=sure)
    is_suspect = (likely and speaks) or speaks_of_this_answer(sentence)
    return _Guess(is_suspect, is_address, is_plausible=True, is_sure=sure)


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
    if is_turned_attack(sentence) or demands_grade(sentence):
        return _Finding(True, True)
    readings = [reading for reading in list_spellings(sentence) if _matches(reading)]
    if not readings:
        return _Finding()
    return _Finding(resembles=True, addresses=any(map(_orders_or_claims, readings)))


def _orders_or_claims(reading: str) -> bool:
    """Whether the sentence itself, not a quotation in it, gives an order to the grader or claims a grade."""
    rest = leave_out_quotes(reading)
    return _matches(rest, as_address=True, in_report=is_report(rest))


def _is_report(sentence: str) -> bool:
    return is_report(leave_out_quotes(sentence))


def _matches(reading: str, *, as_address: bool = False, in_report: bool = False) -> bool:
    """Whether a pattern matches; `as_address` leaves out markup in the middle of a sentence."""
    for pattern in read_patterns():
        if in_report and not pattern.unmistakable:
            continue
        found = pattern.regex.search(reading)
        if found and not (as_address and pattern.at_start and _has_words_before(reading, found.start())):
            return True
    return False


def _has_words_before(reading: str, start: int) -> bool:
    return reading[0] not in _OPENING and len(normal_text.words(reading[:start])) > _MOST_WORDS_BEFORE
