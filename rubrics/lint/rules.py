"""The lint rules for one rubric: size, wording, overlap, expected points, references and answer key.

A rubric that breaks them can grade, but worse: two constructs in one criterion cannot be told apart, a word like
*thorough* rewards length, and overlapping levels make the grade arbitrary.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Protocol

from ..criteria import Criterion, OrdinalCriterion
from ..model import Language, Rubric
from .levels import find_overlapping_levels
from .traps import Location, Problem, list_traps, simplify

FULL_POINTS = 10.0
_MIN_CRITERIA, _MAX_CRITERIA = 3, 6
# Share of the shorter statement's content words for an overlap.
_OVERLAP = 0.75
# Share of a key's content words that reveals it.
_REVEALING = 0.6
# Shares of fewer words mean nothing.
_MIN_TERMS = 4
_SAYS = (
    "explains? says? names? describes? gives? mentions? states? notes? identifies proposes? argues? lists? "
    r"points\sout"
).split()
# Two verbs of saying, joined: two things are asked for.
_JOINED: dict[Language, re.Pattern[str]] = {
    "en": re.compile(rf"\b(?:and|as well as)(?: also)? (?:{'|'.join(_SAYS)})\b", re.IGNORECASE),
    "zh": re.compile(r"(?:并且?|以及|同时|而且|还)(?:说明|指出|提到|描述|给出|解释|列出|强调|提出|说出|举出)"),
}
# States of mind, which no text shows, and matters of taste.
_UNOBSERVABLE: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"(?:^|\b(?:answer|candidate) )(?:shows? (?:an? |the )?)?(?:good |clear |deep )?"
        r"(?:understand\w*|knows?|knowledge|aware\w*|is aware|is familiar|appreciates?|grasps?|demonstrates?)\b"
        r"|\b(?:appropriately|adequately|clearly|properly|convincingly)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"^(?:回答|考生|候选人)?(?:.{0,3})(?:理解了?|了解|掌握|懂得|知道|意识到)|清楚地|恰当地|适当地"),
}
_LENGTH: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:detailed|in (?:great |full )?detail|thorough(?:ly)?|comprehensive(?:ly)?|in[- ]depth|extensive(?:ly)?"
        r"|at length|well[- ]structured|elaborately|at least \w+ (?:words|sentences|characters|paragraphs))\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"详细|详尽|全面地|全面阐|深入地|深入分析|条理清|篇幅|字数|至少[一两三四五六七八九十百\d]+(?:个|百|千|条)?(?:字|句)"
    ),
}


class TextMatcher(Protocol):
    """Compares the texts of a rubric; passed in, so that rubrics need no model."""

    def content_terms(self, text: str) -> frozenset[str]:
        """The content words of a text."""

    def covers(self, text: str, *, point: str, question: str) -> bool:
        """Whether a text makes a point; words of the question do not count."""


def list_problems(rubric: Rubric, matcher: TextMatcher) -> Iterator[Problem]:
    """All problems of a rubric, rule by rule."""
    yield from _check_size(rubric)
    for index, criterion in enumerate(rubric.criteria):
        yield from _check_wording(("criteria", index), criterion, rubric.question.language)
    yield from list_traps(rubric)
    yield from _check_overlap(rubric, matcher)
    yield from _check_points(rubric)
    yield from _check_references(rubric, matcher)
    yield from _check_answer_key(rubric, matcher)


def leaks_key(terms: AbstractSet[str], *, key: AbstractSet[str]) -> bool:
    """Whether the content words of a text that candidates see include most of those of a key's text.

    A key of fewer than four content words is never leaked.
    """
    return len(key) >= _MIN_TERMS and len(key & terms) / len(key) >= _REVEALING


def _check_size(rubric: Rubric) -> Iterator[Problem]:
    count = len(rubric.criteria)
    if not _MIN_CRITERIA <= count <= _MAX_CRITERIA:
        yield Problem(
            ("criteria",),
            "size",
            f"the rubric has {count} criteria, {_MIN_CRITERIA} to {_MAX_CRITERIA} keep it readable: split or join some",
        )
    if abs(rubric.max_points - FULL_POINTS) > 1e-9:
        message = f"the criteria give {rubric.max_points:g} points in all: make them {FULL_POINTS:g}"
        yield Problem(("criteria",), "weights", message)


def _check_wording(location: Location, criterion: Criterion, language: Language) -> Iterator[Problem]:
    texts: list[tuple[Location, str]]
    if isinstance(criterion, OrdinalCriterion):
        texts = [((*location, "levels", n), level.description) for n, level in enumerate(criterion.levels)]
        descriptions = [simplify(level.description, language) for level in criterion.levels]
        for lower, upper in find_overlapping_levels(descriptions, language):
            message = f"levels {lower} and {upper} of '{criterion.id}' overlap: make sure that an answer fits only one"
            yield Problem((*location, "levels", upper), "levels-apart", message)
    else:
        texts = [((*location, "statement"), criterion.statement)]
    for text_location, written in texts:
        text = simplify(written, language)
        if match := _JOINED[language].search(text):
            message = f"'{criterion.id}' asks for two things ('… {match[0]} …'): make each a criterion of its own"
            yield Problem(text_location, "one-construct", message)
        if match := _UNOBSERVABLE[language].search(text):
            message = f"'{match[0].strip()}' in '{criterion.id}' cannot be seen in an answer: say what it must state"
            yield Problem(text_location, "observable", message)
        if match := _LENGTH[language].search(text):
            message = f"'{match[0]}' in '{criterion.id}' rewards length: say which fact is wanted"
            yield Problem(text_location, "length", message)


def _check_overlap(rubric: Rubric, matcher: TextMatcher) -> Iterator[Problem]:
    question = matcher.content_terms(rubric.question.text)
    wanted = [
        (index, criterion, matcher.content_terms(criterion.levels[-1].description) - question)
        for index, criterion in enumerate(rubric.criteria)
    ]
    for (_, first, first_terms), (index, second, second_terms) in itertools.combinations(wanted, 2):
        # A mistake shares its criterion's topic; a gate earns nothing.
        if {"negative", "gate"} & {first.kind, second.kind}:
            continue
        smaller = min(len(first_terms), len(second_terms))
        if smaller >= _MIN_TERMS and len(first_terms & second_terms) / smaller >= _OVERLAP:
            message = f"'{second.id}' asks for nearly the same as '{first.id}': one sentence would earn both; join them"
            yield Problem(("criteria", index), "overlap", message)


def _check_points(rubric: Rubric) -> Iterator[Problem]:
    for index, criterion in enumerate(rubric.criteria):
        points = rubric.points_expected_for(criterion.id)
        if criterion.points > 0 and not any(point.importance == "core" for point in points):
            message = f"no core expected point counts for '{criterion.id}': add what a full answer states"
            yield Problem(("criteria", index), "points", message)
    for index, point in enumerate(rubric.expected_points):
        if any(c.id == point.criterion and c.points <= 0 for c in rubric.criteria):
            message = f"expected point '{point.id}' counts for '{point.criterion}', which gives no points: remove it"
            yield Problem(("expected_points", index), "points", message)


def _check_references(rubric: Rubric, matcher: TextMatcher) -> Iterator[Problem]:
    """Each reference must earn every criterion, and a full one make every core point."""
    question = rubric.question.text
    for index, reference in enumerate(rubric.references):
        covered = {
            p.id for p in rubric.expected_points if matcher.covers(reference.text, point=p.text, question=question)
        }
        for criterion in rubric.criteria:
            points = rubric.points_expected_for(criterion.id)
            missing = [point.id for point in points if point.importance == "core" and point.id not in covered]
            if reference.length == "full" and missing:
                message = f"the full reference does not make the core point '{missing[0]}' of '{criterion.id}': add it"
                yield Problem(("references", index), "reference", message)
            elif points and not any(point.id in covered for point in points):
                message = f"the {reference.length} reference makes no point of '{criterion.id}': add one"
                yield Problem(("references", index), "reference", message)


def _check_answer_key(rubric: Rubric, matcher: TextMatcher) -> Iterator[Problem]:
    """What candidates see, the question and the titles, must not reveal what they should say."""
    shown = matcher.content_terms(rubric.question.text)
    for point in rubric.expected_points:
        if leaks_key(shown, key=matcher.content_terms(point.text)):
            message = f"the question gives expected point '{point.id}' away: ask without saying it"
            yield Problem(("question", "text"), "answer-key", message)
    for index, criterion in enumerate(rubric.criteria):
        title = matcher.content_terms(criterion.title) - shown
        for point in rubric.points_expected_for(criterion.id):
            if leaks_key(title, key=matcher.content_terms(point.text) - shown):
                message = f"the title of '{criterion.id}', seen by candidates, gives '{point.id}' away: name the topic"
                yield Problem(("criteria", index, "title"), "answer-key", message)
