"""Flags of a report: what a reviewer should know about an answer."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Flag(StrEnum):
    """What a reviewer should know about an answer.

    The first four settle its score at 0. The next three and `injection_suspected`, if nothing else can be read, leave
    its score open.
    """

    EMPTY = "empty"
    NON_ANSWER = "non_answer"
    COPIED_QUESTION = "copied_question"
    OFF_TOPIC = "off_topic"
    SPEAKERS_UNCLEAR = "speakers_unclear"
    UNREAD_PICTURE = "unread_picture"
    ANSWER_LOST = "answer_lost"
    INJECTION_SUSPECTED = "injection_suspected"
    HIDDEN_CHARACTERS = "hidden_characters"
    PARTLY_READ = "partly_read"
    SIGNALS_DISAGREE = "signals_disagree"
    JUDGES_DISAGREE = "judges_disagree"
    LOW_CONFIDENCE = "low_confidence"
    NEAR_PASS_MARK = "near_pass_mark"
    RUBRIC_CHANGED = "rubric_changed"


# With these there is nothing to grade, and no reason for a 0.
OPEN_FACTS = frozenset({Flag.SPEAKERS_UNCLEAR, Flag.UNREAD_PICTURE, Flag.ANSWER_LOST, Flag.INJECTION_SUSPECTED})


def is_open(*, score: float | None, coverage: float, flags: Collection[str]) -> bool:
    """Whether a report's score of 0 stands for one that a person has to give, since nothing could be read."""
    # A picture beside words that were judged leaves nothing open.
    return score is not None and coverage == 0 and not OPEN_FACTS.isdisjoint(flags)
