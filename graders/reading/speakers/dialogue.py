"""Recognises a dialogue, and who of its speakers is the candidate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .lines import Line, read_lines
from .roles import Role, is_same_person

_ASKS = re.compile(r"[?？]\s*[\"'”’)）]*\s*$|[吗呢]\s*$")
# Speakers that a label of their own does not name.
_PEOPLE = frozenset({Role.INTERVIEWER, Role.CANDIDATE, Role.UNNAMED, Role.NAME})


@dataclass(frozen=True)
class Dialogue:
    """What of a text, in normal form, are not the candidate's words.

    `context` bounds what others say, labels and time stamps, and is empty for a text that is no transcript. `is_clear`
    is false if the candidate cannot be told from other speakers: then nothing is in `context`.
    """

    context: tuple[tuple[int, int], ...] = ()
    is_clear: bool = True


def read_dialogue(text: str, candidate: str | None = None) -> Dialogue:
    """Find the words of others than the candidate, whose name is `candidate` if it is known."""
    lines = read_lines(text)
    speakers = _find_speakers(text, lines)
    if speakers is None:
        return Dialogue(tuple(_list_context(text, lines, frozenset(), frozenset())))
    heard = _find_candidates(lines, speakers, candidate)
    if heard is None:
        return Dialogue(is_clear=False)
    context = tuple(_list_context(text, lines, speakers, heard))
    return Dialogue(context)


def _find_speakers(text: str, lines: Sequence[Line]) -> frozenset[str] | None:
    """The labels that name speakers; None if the text is no dialogue."""
    by_role: dict[Role, list[Line]] = {role: [] for role in Role}
    for line in lines:
        if line.speaker:
            by_role[line.role].append(line)
    first = next((line for line in lines if line.said < line.end or line.speaker), None)
    begins = first is not None and bool(first.speaker)
    people = [line for line in lines if line.role in _PEOPLE]
    if by_role[Role.INTERVIEWER] and (by_role[Role.CANDIDATE] or begins):
        return _name_speakers([*people, *_my_lines(by_role)])
    # Someone who only uses the word defines it.
    if by_role[Role.CANDIDATE] and begins and not by_role[Role.NONE]:
        return _name_speakers(people)
    if not begins or first is None:
        return None
    if first.role is Role.UNNAMED:
        return _name_speakers(people)
    if _is_questions_and_answers(text, lines, by_role):
        return _name_speakers([*by_role[Role.QUESTION], *by_role[Role.ANSWER]])
    return _name_speakers(people) if _is_talk_by_name(text, lines, by_role[Role.NAME]) else None


def _my_lines(by_role: dict[Role, list[Line]]) -> list[Line]:
    """Lines of 我, A and 答 beside those of an interviewer, if nobody is called the candidate."""
    return [] if by_role[Role.CANDIDATE] else by_role[Role.ANSWER]


def _name_speakers(lines: Sequence[Line]) -> frozenset[str]:
    return frozenset(line.speaker for line in lines)


def _is_questions_and_answers(text: str, lines: Sequence[Line], by_role: dict[Role, list[Line]]) -> bool:
    """Whether the text goes from "Q: …?" to "A: …", and no other letter or word is defined like these."""
    questions, answers = by_role[Role.QUESTION], by_role[Role.ANSWER]
    if not questions or not answers or lines.index(questions[0]) > lines.index(answers[0]):
        return False
    if any(len(line.speaker) == 1 and line.speaker.isascii() for line in by_role[Role.NONE]):
        return False
    return any(_ASKS.search(text[line.said : line.end]) for line in questions)


def _is_talk_by_name(text: str, lines: Sequence[Line], named: Sequence[Line]) -> bool:
    """Whether at least two persons take turns: one speaks again after another, and one asks or times are noted."""
    if not named or not lines or named[0].speaker != next(line.speaker for line in lines if line.speaker):
        return False
    turns = [line.speaker for line in named]
    if all(line.is_timed for line in named):
        return True
    takes_turns = len(named) >= 3 and any(
        turns[index] != turns[index + 1] and turns[index] in turns[index + 2 :] for index in range(len(turns) - 2)
    )
    return takes_turns and any(_ASKS.search(text[line.said : line.end]) for line in lines)


def _find_candidates(lines: Sequence[Line], speakers: frozenset[str], candidate: str | None) -> frozenset[str] | None:
    """The labels of the candidate; None if they cannot be told from those of others."""
    roles = {line.speaker: line.role for line in lines if line.speaker in speakers}
    named = frozenset(speaker for speaker in roles if candidate and is_same_person(speaker, candidate))
    if len(named) == 1:
        return named
    for role in (Role.CANDIDATE, Role.ANSWER):
        if found := frozenset(speaker for speaker in roles if roles[speaker] is role):
            # "Candidate 1" and "Candidate 2" are two people, "A1" and "A2" are not.
            return found if role is Role.ANSWER or len(found) == 1 else None
    others = frozenset(speaker for speaker in roles if roles[speaker] not in (Role.INTERVIEWER, Role.QUESTION))
    return others if len(others) == 1 else None


def _list_context(
    text: str, lines: Sequence[Line], speakers: frozenset[str], heard: frozenset[str]
) -> Iterator[tuple[int, int]]:
    """Bounds of stamps, of labels of speakers, and of what those say who are not in `heard`."""
    is_heard = True
    for line in lines:
        if line.speaker in speakers:
            is_heard = line.speaker in heard
        is_label = line.speaker in speakers or not line.speaker
        said = line.said if is_label else line.start
        cut = said if is_heard else line.end
        if text[line.start : cut].strip():
            yield line.start, cut
