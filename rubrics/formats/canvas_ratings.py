"""Turns the ratings of a Canvas criterion into levels, which must rise from 0 points; Canvas asks for no order.

What a rubric cannot hold as it stands becomes the nearest thing that it can, with a notice.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..model import Language
from .canvas_rows import Rating, Row

# Our own criteria are recognised by these names of ratings.
BINARY: dict[Language, tuple[str, str]] = {"en": ("Met", "Not met"), "zh": ("达到", "未达到")}
NEGATIVE: dict[Language, tuple[str, str]] = {"en": ("Not made", "Made"), "zh": ("没有犯", "犯了")}
_NO_MARKS: dict[Language, str] = {"en": "No marks", "zh": "未得分"}


class UnusableRatings(Exception):
    """The ratings fit no kind of criterion; the message has cause and fix, without a full stop."""


def settle_ratings(row: Row, language: Language) -> tuple[dict[str, Any] | None, list[str]]:
    """Kind and levels of a criterion, None if it gives no points, and notices of what was changed.

    Raises UnusableRatings.
    """
    ratings, notices = _merge_equal(_sort(row.ratings))
    if any(worse.points > better.points for better, worse in itertools.pairwise(row.ratings)):
        notices.insert(0, "its ratings were sorted, best first")
    best, worst = ratings[0], ratings[-1]
    if best.points == worst.points == 0:
        return None, ["it gives no points, so nothing can be graded by it: it was left out"]
    if worst.points < 0:
        mistake = _describe_mistake(ratings)
        if tuple(rating.name for rating in ratings) != NEGATIVE[language] or best.description:
            notices.append(
                f"it takes points away, so it became kind: negative; '{best.name}', what is right, is left out"
            )
        return mistake, notices
    if len(ratings) == 1:
        ratings = [best, Rating(_NO_MARKS[language], "", 0.0)]
        notices.append(
            f"it has one number of points only, {best.points:g}: a level of 0 points was added, which you must describe"
        )
    elif worst.points > 0:
        notices.append(
            f"its lowest rating gives {worst.points:g} points, but an empty answer gets 0: add a level of 0 points if "
            "other answers may get 0, too"
        )
    return _describe_levels(ratings, language), notices


def _sort(ratings: Sequence[Rating]) -> list[Rating]:
    return sorted(ratings, key=lambda rating: -rating.points)


def _merge_equal(ratings: Sequence[Rating]) -> tuple[list[Rating], list[str]]:
    """Ratings without two of the same points."""
    merged, notices = [], []
    for points, group in itertools.groupby(ratings, key=lambda rating: rating.points):
        first, *others = group
        if others:
            names = " / ".join(f"'{rating.name}'" for rating in (first, *others))
            notices.append(f"its ratings {names} are worth the same, {points:g}: they became one level")
            first = replace(
                first,
                name=_join([rating.name for rating in (first, *others)])[:200],
                description=_join([rating.description for rating in (first, *others)]),
            )
        merged.append(first)
    return merged, notices


def _join(texts: Sequence[str]) -> str:
    return " / ".join(dict.fromkeys(text for text in texts if text))


def _describe_mistake(ratings: Sequence[Rating]) -> dict[str, Any]:
    """A criterion that takes points away, which has one cost here."""
    best, worst = ratings[0], ratings[-1]
    if best.points > 0:
        raise UnusableRatings(
            f"its ratings give points and take points away ({best.points:g} to {worst.points:g}): make the mistake a "
            f"criterion of its own, with the ratings 0 and {worst.points:g}"
        )
    if len(ratings) != 2 or best.points != 0:
        raise UnusableRatings(
            "its ratings take points away in several steps: give each mistake a criterion of its own, with two "
            f"ratings, 0 and points below 0 such as {worst.points:g}"
        )
    return {"kind": "negative", "statement": worst.description or worst.name, "points": worst.points}


def _describe_levels(ratings: Sequence[Rating], language: Language) -> dict[str, Any]:
    best, worst = ratings[0], ratings[-1]
    names = tuple(rating.name for rating in ratings)
    if names == BINARY[language] and best.description and not worst.description and worst.points == 0:
        return {"kind": "binary", "statement": best.description, "points": best.points}
    levels = [
        {"points": rating.points, "name": rating.name, "description": rating.description}
        for rating in reversed(ratings)
    ]
    return {"kind": "ordinal", "levels": levels}
