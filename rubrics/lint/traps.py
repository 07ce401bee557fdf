"""The lint rules for wordings that no judge can grade: absences, numbers of a list, and HTML.

Word overlap, embeddings and quotes find what an answer says, never what it leaves out, so a merit that is stated as an
absence is graded upside down. The patterns look for a negation of what the answer does; facts about the subject
("explains why locks must not be held") may be negative. They need no model, so import and freeze use them, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from opencc import OpenCC

from ..criteria import Criterion, OrdinalCriterion
from ..formats.html_text import find_markup
from ..model import Language, Rubric
from .patterns import ABSENCES, COUNTS

Location = tuple[str | int, ...]
"""A path in the data of a rubric, such as `("criteria", 2, "statement")`."""

_CLAIM: dict[Language, str] = {"en": "The answer claims that …", "zh": "回答声称……"}
_MERIT: dict[Language, str] = {"en": "The answer says that …", "zh": "回答指出……"}


class Problem(NamedTuple):
    """What breaks a rule: where in the rubric, the name of the rule, and a message with the fix."""

    location: Location
    rule: str
    message: str


def list_traps(rubric: Rubric) -> Iterator[Problem]:
    """All wordings of a rubric that no judge can grade."""
    for index, criterion in enumerate(rubric.criteria):
        yield from _check_criterion(("criteria", index), criterion, rubric.question.language)
    for location, text in _list_texts(rubric):
        if markup := find_markup(text):
            yield Problem(location, "html", f"the text has HTML ('{markup}'), which judges read as words: remove it")


def simplify(text: str, language: Language) -> str:
    """A Chinese text in simplified characters, which the patterns know; other texts stay as they are."""
    return _open_converter().convert(text) if language == "zh" else text


@cache
def _open_converter() -> OpenCC:
    return OpenCC("t2s")


def _check_criterion(location: Location, criterion: Criterion, language: Language) -> Iterator[Problem]:
    if isinstance(criterion, OrdinalCriterion):
        top = len(criterion.levels) - 1
        # Lower levels may say what is missing, and count.
        if phrase := _find_absence(criterion.levels[top].description, language):
            yield _report_absence((*location, "levels", top), criterion, phrase, language)
        return
    statement = (*location, "statement")
    if phrase := _find_absence(criterion.statement, language):
        yield _report_absence(statement, criterion, phrase, language)
    if phrase := _find_phrase(COUNTS[language], criterion.statement, language):
        message = (
            f"'{phrase}' in '{criterion.id}' asks for a number from a list, which one yes or no cannot grade: write it "
            "as kind: ordinal with a level for none, for one, for two and so on, or as one binary criterion for each"
        )
        yield Problem(statement, "any-of", message)


def _report_absence(location: Location, criterion: Criterion, phrase: str, language: Language) -> Problem:
    if criterion.kind == "negative":
        message = (
            f"'{phrase}' in '{criterion.id}' makes a mistake of what is left out, which no judge can find: write "
            f"what is wanted as kind: binary with the statement '{_MERIT[language]}' and points above 0"
        )
        return Problem(location, "double-negation", message)
    message = (
        f"'{phrase}' in '{criterion.id}' rewards what is left out, which no judge can find: write the mistake as "
        f"kind: negative with the statement '{_CLAIM[language]}' and points below 0"
    )
    return Problem(location, "absence", message)


def _find_absence(text: str, language: Language) -> str | None:
    """The words by which a text asks that an answer leaves something out, or None."""
    return _find_phrase(ABSENCES[language], text, language)


def _find_phrase(patterns: tuple[re.Pattern[str], ...], text: str, language: Language) -> str | None:
    simplified = simplify(text, language)
    # The user's own characters, where the lengths allow it.
    shown = text if len(text) == len(simplified) else simplified
    for pattern in patterns:
        if match := pattern.search(simplified):
            return " ".join(shown[match.start("found") : match.end("found")].split())
    return None


def _list_texts(rubric: Rubric) -> Iterator[tuple[Location, str]]:
    """The texts that graders or candidates read, with their places."""
    yield ("question", "text"), rubric.question.text
    for index, criterion in enumerate(rubric.criteria):
        place: Location = ("criteria", index)
        yield (*place, "title"), criterion.title
        if isinstance(criterion, OrdinalCriterion):
            for number, level in enumerate(criterion.levels):
                yield (*place, "levels", number), level.description
        else:
            yield (*place, "statement"), criterion.statement
        yield (*place, "grader_notes"), criterion.grader_notes
    for index, point in enumerate(rubric.expected_points):
        yield ("expected_points", index, "text"), point.text
    for index, reference in enumerate(rubric.references):
        yield ("references", index, "text"), reference.text
