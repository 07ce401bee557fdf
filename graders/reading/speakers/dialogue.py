"""Recognises a dialogue, and who of its speakers is the candidate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..normal_text import NormalText, has_han
from .lines import Line, read_lines
from .openings import is_of_others
from .roles import Role, is_same_person
from .turns import find_first, find_speakers, read_roles
from .unmarked import is_unmarked_talk
from .voices import has_two_voices

_SENTENCE_END = re.compile(r"[.!?。！？]")
_UNKNOWN = re.compile(r"(?i)unknown|未知")
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


def read_dialogue(text: str, candidate: str | None = None, topics: frozenset[str] = frozenset()) -> Dialogue:
    """Find the words of others than the candidate, whose name is `candidate` if it is known.

    `topics` are the words of question and key, in small letters: what bears their name is no person.
    """
    lines = read_roles(text, read_lines(text), topics)
    speakers = find_speakers(text, lines)
    if speakers is None:
        is_talk = has_two_voices(text, lines) or is_unmarked_talk(text, lines)
        return Dialogue(is_clear=False) if is_talk else _divide(text, lines)
    heard = _find_candidates(lines, speakers, candidate)
    first = find_first(lines, speakers)
    opening = [line for line in lines[:first] if not line.is_silent]
    if heard is None or (opening and not is_of_others(text, opening)):
        return Dialogue(is_clear=False)
    dialogue = _divide(text, lines, speakers, heard, opening=first)
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
    others = frozenset(roles.keys() - askers)
    # Whom the program did not know may be several people.
    is_unknown = any(_UNKNOWN.match(speaker) for speaker in others) and len(lines) > len(roles)
    return others if len(others) == 1 and not is_unknown else None


def _may_end_unlabelled(lines: Sequence[Line], speakers: frozenset[str], candidates: frozenset[str]) -> bool:
    """Whether lines without a label follow the last words of another speaker: they may be the candidate's."""
    last = max(index for index, line in enumerate(lines) if line.speaker in speakers)
    turn = [
        line
        for line in lines[last:]
        if not line.is_silent and line.said < line.last and not (line.is_continued and line is not lines[last])
    ]
    return lines[last].speaker not in candidates and len(turn) > 1


def _divide(
    text: str,
    lines: Sequence[Line],
    speakers: frozenset[str] = frozenset(),
    candidates: frozenset[str] = frozenset(),
    *,
    opening: int = 0,
) -> Dialogue:
    """The dialogue of these lines, of which the first `opening` are nobody's."""
    context: list[Span] = []
    heard: list[list[Span]] = []
    speaker, is_heard, joins = "", not opening, _has_punctuation(text, lines)
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
