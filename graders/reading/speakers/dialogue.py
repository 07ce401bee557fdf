"""Recognises a dialogue, and who of its speakers is the candidate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..normal_text import NormalText, has_han
from .lines import Line, read_lines
from .roles import Role, is_same_person

_SENTENCE_END = re.compile(r"[.!?。！？]")
_ASKS = re.compile(r"[?？]\s*[\"'”’)）]*\s*$|[吗呢]\s*$")
# Speakers that a label of their own does not name.
_PEOPLE = frozenset({Role.INTERVIEWER, Role.CANDIDATE, Role.UNNAMED, Role.NAME})
# How studies shorten interviewer, and respondent, participant or candidate.
_INITIALS = {"I": Role.QUESTION, "R": Role.ANSWER, "P": Role.ANSWER, "C": Role.ANSWER}


Span = tuple[int, int]


@dataclass(frozen=True)
class Dialogue:
    """A text in normal form, divided into the candidate's words and all else; both are bounds in the text.

    `context` has what others say, labels and time stamps, and is empty for a text that is no transcript. `heard` has
    the candidate's words, a list for each run of subtitles that belong together. `is_clear` is false if the candidate
    cannot be told from other speakers, or says nothing.
    """

    context: tuple[Span, ...] = ()
    heard: tuple[tuple[Span, ...], ...] = ()
    is_clear: bool = True


def read_dialogue(text: str, candidate: str | None = None) -> Dialogue:
    """Find the words of others than the candidate, whose name is `candidate` if it is known."""
    lines = _read_initials(read_lines(text))
    speakers = _find_speakers(text, lines)
    if speakers is None:
        return _divide(text, lines, frozenset(), frozenset())
    heard = _find_candidates(lines, speakers, candidate)
    if heard is None:
        return Dialogue(is_clear=False)
    dialogue = _divide(text, lines, speakers, heard)
    said = (text[start:end] for run in dialogue.heard for start, end in run)
    has_words = any(character.isalnum() for part in said for character in part)
    return dialogue if has_words and not _may_end_unlabelled(lines, speakers, heard) else Dialogue(is_clear=False)


def keep_heard(answer: NormalText, dialogue: Dialogue) -> NormalText:
    """The candidate's words alone, with offsets in the raw answer; runs of subtitles become lines."""
    if not dialogue.context:
        return answer
    indices: list[int] = []
    text: list[str] = []
    for run in dialogue.heard:
        for number, (start, end) in enumerate(run):
            # What divides two parts stands for the character before the second.
            if text and (mark := "\n" if number == 0 else _divide_parts(text[-1], answer.text[start])):
                text.append(mark)
                indices.append(max(start - 1, 0))
            text.extend(answer.text[start:end])
            indices.extend(range(start, end))
    starts, ends = (tuple(bounds[index] for index in indices) for bounds in (answer.starts, answer.ends))
    return replace(answer, text="".join(text), starts=starts, ends=ends)


def _divide_parts(before: str, behind: str) -> str:
    """A blank, except between two Chinese characters and behind Chinese punctuation."""
    return "" if before in "，。！？；：、）”" or (has_han(before) and has_han(behind)) else " "


def _read_initials(lines: Sequence[Line]) -> list[Line]:
    """The lines, with roles for "I" and another initial if they are the only labels."""
    labels = {line.speaker for line in lines if line.speaker}
    if len(labels) != 2 or "I" not in labels or not labels <= set(_INITIALS):
        return list(lines)
    return [replace(line, role=_INITIALS[line.speaker]) if line.speaker else line for line in lines]


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
    named = [line for line in lines if line.role in (Role.NAME, Role.SELF)]
    return _name_speakers(named) if by_role[Role.NAME] and _is_talk_by_name(text, lines, named) else None


def _my_lines(by_role: dict[Role, list[Line]]) -> list[Line]:
    """Lines of 我, A and 答 beside those of an interviewer, if nobody is called the candidate."""
    return [] if by_role[Role.CANDIDATE] else [*by_role[Role.ANSWER], *by_role[Role.SELF]]


def _name_speakers(lines: Sequence[Line]) -> frozenset[str]:
    return frozenset(line.speaker for line in lines)


def _is_questions_and_answers(text: str, lines: Sequence[Line], by_role: dict[Role, list[Line]]) -> bool:
    """Whether the text goes from "Q: …?" to "A: …", and no other letter or word is defined like these."""
    questions, answers = by_role[Role.QUESTION], by_role[Role.ANSWER]
    if not questions or not answers or lines.index(questions[0]) > lines.index(answers[0]):
        return False
    if any(len(line.speaker) == 1 and line.speaker.isascii() for line in by_role[Role.NONE]):
        return False
    return any(_ASKS.search(text[line.said : line.last]) for line in questions)


def _is_talk_by_name(text: str, lines: Sequence[Line], named: Sequence[Line]) -> bool:
    """Whether at least two persons take turns: one speaks again after another, and one asks or times are noted."""
    if not named or not lines or named[0].speaker != next(line.speaker for line in lines if line.speaker):
        return False
    turns = [line.speaker for line in named]
    if all(line.is_timed for line in named):
        return True
    if len(turns) == 2:
        return turns[0] != turns[1] and bool(_ASKS.search(text[named[0].said : named[0].last]))
    takes_turns = any(
        turns[index] != turns[index + 1] and turns[index] in turns[index + 2 :] for index in range(len(turns) - 2)
    )
    return takes_turns and any(_ASKS.search(text[line.said : line.last]) for line in lines)


def _find_candidates(lines: Sequence[Line], speakers: frozenset[str], candidate: str | None) -> frozenset[str] | None:
    """The labels of the candidate; None if they cannot be told from those of others."""
    roles = {line.speaker: line.role for line in lines if line.speaker in speakers}
    askers = frozenset(speaker for speaker in roles if roles[speaker] in (Role.INTERVIEWER, Role.QUESTION))
    # A reference such as "interviewer 7" is no name.
    named = frozenset(name for name in roles.keys() - askers if candidate and is_same_person(name, candidate))
    if len(named) == 1:
        return named
    for role in (Role.CANDIDATE, Role.SELF, Role.ANSWER):
        if found := frozenset(speaker for speaker in roles if roles[speaker] is role):
            # "Candidate 1" and "Candidate 2" are two people, "A1" and "A2" are not.
            return found if role is Role.ANSWER or len(found) == 1 else None
    others = roles.keys() - askers
    return frozenset(others) if len(others) == 1 else None


def _may_end_unlabelled(lines: Sequence[Line], speakers: frozenset[str], candidates: frozenset[str]) -> bool:
    """Whether lines without a label follow the last words of another speaker: they may be the candidate's."""
    last = max(index for index, line in enumerate(lines) if line.speaker in speakers)
    turn = [
        line for line in lines[last:] if line.said < line.last and not (line.is_continued and line is not lines[last])
    ]
    return lines[last].speaker not in candidates and len(turn) > 1


def _divide(text: str, lines: Sequence[Line], speakers: frozenset[str], candidates: frozenset[str]) -> Dialogue:
    context: list[Span] = []
    heard: list[list[Span]] = []
    speaker, is_heard, joins = "", True, _has_punctuation(text, lines)
    for line in lines:
        is_turn = line.speaker in speakers and line.speaker != speaker
        if line.speaker in speakers:
            speaker, is_heard = line.speaker, line.speaker in candidates
        # A label that names no speaker is part of what is said.
        said = line.start if line.speaker and line.speaker not in speakers else line.said
        cut = said if is_heard else line.end
        context += [
            (start, end) for start, end in ((line.start, cut), (line.last, line.end)) if text[start:end].strip()
        ]
        if cut < line.last:
            if heard and joins and line.is_continued and not is_turn:
                heard[-1].append((cut, line.last))
            else:
                heard.append([(cut, line.last)])
        elif is_turn:
            # Other words part two runs.
            heard.append([])
    return Dialogue(tuple(sorted(set(context))), tuple(tuple(run) for run in heard if run))


def _has_punctuation(text: str, lines: Sequence[Line]) -> bool:
    """Whether sentences have an end of their own; else the ends of lines must do."""
    said = [line for line in lines if line.said < line.last]
    return sum(bool(_SENTENCE_END.search(text, line.said, line.last)) for line in said) * 8 >= len(said)
