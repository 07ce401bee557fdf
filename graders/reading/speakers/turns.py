"""Turns of a dialogue: which labels of a text name people who speak with each other."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..normal_text import words
from .lines import Line
from .openings import is_heading
from .roles import Role, is_sure_interviewer, is_term, is_word_for_question
from .short_labels import find_short_roles
from .voices import has_question_word, is_request, is_talk

_ASKS = re.compile(r"[?？]\s*[\"'”’)）]*\s*$|[吗呢]\s*$")
# "A. … B. … C. …" are choices.
_CHOICE = re.compile(r"\s*[B-HJ-PR-Z]\s?[.)、．]\s")
# Speakers that a label of their own does not name.
_PEOPLE = frozenset({Role.INTERVIEWER, Role.CANDIDATE, Role.UNNAMED, Role.NAME})
# Labels that change places so often are people, sooner if they speak to each other.
_MANY_TURNS, _VERY_MANY_TURNS = 4, 6


def read_roles(text: str, lines: Sequence[Line], topics: frozenset[str]) -> list[Line]:
    """The lines with the roles that only the whole text shows: initials, names beside times, and `topics`."""
    if roles := find_short_roles(text, lines):
        return [replace(line, role=roles.get(line.speaker, line.role)) for line in lines]
    if names := _find_names_beside_times(lines):
        return [replace(line, role=Role.NAME) if line.speaker in names else line for line in lines]
    return [
        replace(line, role=Role.NONE) if line.role is Role.NAME and topics.issuperset(words(line.speaker)) else line
        for line in lines
    ]


def _find_names_beside_times(lines: Sequence[Line]) -> frozenset[str]:
    """Labels such as "priya_n" that are no names by themselves.

    All labels have times, and there are at least two, one of which comes again or is sure to be a person's.
    """
    labelled = [line for line in lines if line.speaker]
    labels = {line.speaker for line in labelled}
    is_sure = len(labels) < len(labelled) or any(line.role in _PEOPLE for line in labelled)
    is_talk = len(labels) > 1 and is_sure and all(line.is_timed for line in labelled)
    unknown = frozenset(line.speaker for line in labelled if line.role is Role.NONE and not is_term(line.speaker))
    return unknown if is_talk else frozenset()


def find_first(lines: Sequence[Line], speakers: frozenset[str]) -> int:
    """Index of the first line of a speaker."""
    return next((index for index, line in enumerate(lines) if line.speaker in speakers), 0)


def find_speakers(text: str, lines: Sequence[Line]) -> frozenset[str] | None:
    """The labels that name speakers; None if the text is no dialogue."""
    by_role = {role: [line for line in lines if line.speaker and line.role is role] for role in Role}
    first = next((index for index, line in enumerate(lines) if line.speaker and line.role is not Role.NONE), None)
    begins = first is not None and is_heading(text, lines[:first])
    people = [line for line in lines if line.role in _PEOPLE]
    if by_role[Role.INTERVIEWER] and (by_role[Role.CANDIDATE] or (begins and _is_interview(text, by_role))):
        return _name_speakers([*people, *_my_lines(by_role)])
    # Someone who only uses the word defines it.
    if by_role[Role.CANDIDATE] and begins and (by_role[Role.QUESTION] or not by_role[Role.NONE]):
        return _name_speakers([*people, *by_role[Role.QUESTION]])
    if first is None or not begins:
        return None
    if lines[first].role is Role.UNNAMED:
        return _name_speakers(people)
    if _is_questions_and_answers(text, lines, by_role):
        return _name_speakers([*by_role[Role.QUESTION], *by_role[Role.ANSWER], *by_role[Role.SELF]])
    named = [line for line in lines[first:] if line.role in (Role.NAME, Role.SELF)]
    begins_by_name = lines[first].role in (Role.NAME, Role.SELF) and by_role[Role.NAME]
    return _name_speakers(named) if begins_by_name and _is_talk_by_name(text, lines, named) else None


def _is_interview(text: str, by_role: Mapping[Role, Sequence[Line]]) -> bool:
    """Whether an interviewer speaks, rather than that words such as "Panel" are explained."""
    asks = by_role[Role.INTERVIEWER]
    if any(is_sure_interviewer(line.speaker) or is_request(text[line.said : line.last].strip()) for line in asks):
        return True
    return any(line.is_timed for line in asks) or bool(by_role[Role.SELF] or by_role[Role.UNNAMED])


def _my_lines(by_role: Mapping[Role, Sequence[Line]]) -> list[Line]:
    """Lines of 我, A and 答 beside those of an interviewer, if nobody is called the candidate."""
    return [] if by_role[Role.CANDIDATE] else [*by_role[Role.ANSWER], *by_role[Role.SELF]]


def _name_speakers(lines: Sequence[Line]) -> frozenset[str]:
    return frozenset(line.speaker for line in lines)


def _is_questions_and_answers(text: str, lines: Sequence[Line], by_role: Mapping[Role, Sequence[Line]]) -> bool:
    """Whether the text goes from "Q: …?" to "A: …", and no other letter or word is defined like these.

    Two pairs need no question mark: speech that was typed has none.
    """
    questions, answers = by_role[Role.QUESTION], by_role[Role.ANSWER] or by_role[Role.SELF]
    if not questions or not answers:
        return False
    roles = (questions[0].role, answers[0].role)
    turns = [role for role, _ in itertools.groupby(line.role for line in lines if line.role in roles)]
    # Who answers may greet first.
    if turns[0] is not Role.QUESTION and len(turns) <= 2:
        return False
    if any(len(line.speaker) == 1 and line.speaker.isascii() for line in by_role[Role.NONE]):
        return False
    if any(_CHOICE.match(text, line.start, line.end) for line in lines):
        return False
    if any(
        _ASKS.search(said) or has_question_word(said) or is_request(said) for said in _list_said(text, lines, questions)
    ):
        return True
    # A teacher and a student may be models.
    is_sure = all(is_word_for_question(line.speaker) for line in questions)
    return len(turns) >= _MANY_TURNS and (
        is_sure or any(is_talk(said) for said in _list_said(text, lines, [*questions, *answers]))
    )


def _list_said(text: str, lines: Sequence[Line], labelled: Sequence[Line]) -> list[str]:
    """What is said in these lines, which for a label alone is the line below it."""
    said = []
    wanted = {line.start for line in labelled}
    for line, below in zip(lines, [*lines[1:], None], strict=True):
        if line.start in wanted:
            place = below if below and not below.speaker and line.said >= line.last else line
            said.append(text[place.said : place.last].strip())
    return said


def _is_talk_by_name(text: str, lines: Sequence[Line], named: Sequence[Line]) -> bool:
    """Whether at least two persons take turns: one speaks again after another, and one asks or times are noted."""
    if all(line.is_timed for line in named):
        return True
    turns = [speaker for speaker, _ in itertools.groupby(line.speaker for line in named)]
    if len(named) == 2:
        asked = text[named[0].said : named[0].last]
        return len(turns) == 2 and bool(_ASKS.search(asked) or has_question_word(asked))
    if len(turns) <= len(set(turns)):
        return False
    if len(turns) >= _VERY_MANY_TURNS or any(_ASKS.search(text[line.said : line.last]) for line in lines):
        return True
    return len(turns) >= _MANY_TURNS and any(is_talk(text[line.said : line.last].strip()) for line in named)
