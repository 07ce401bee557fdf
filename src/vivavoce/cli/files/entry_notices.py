"""Says what a user should know about the answers of a table before they are graded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from vivavoce.graders.reading.normal_text import fold
from vivavoce.service.answer_files.entries import Entry
from vivavoce.service.answer_files.wide.rows import NO_ANSWERS, NOT_ASKED
from vivavoce.tables import BadCell
from vivavoce.tables.skipped_rows import describe_lines

from ..errors import UserError

_MOST_NAMED = 3


def check_entries(path: Path, entries: Sequence[Entry], problems: Sequence[BadCell]) -> None:
    """Raises UserError if there is no answer to grade, and no problem that says why."""
    if not problems and all(entry.skipped for entry in entries):
        found = "headings and no answers" if not entries else "no answer to any question"
        raise UserError(f"{path} has {found}: write a row for each answer below the headings.")


def describe_repeats(entries: Sequence[Entry]) -> Iterator[str]:
    """A sentence for each candidate with several answers to one question, which are all graded."""
    lines: dict[tuple[str, str], list[int]] = defaultdict(list)
    names: dict[str, str] = {}
    for entry in entries:
        name = _read(entry, "candidate")
        if name and not entry.skipped:
            names.setdefault(fold(name).text.lower(), name)
            lines[fold(name).text.lower(), _read(entry, "question_id").lower()].append(entry.row.line)
    questions: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (key, question), places in lines.items():
        if len(places) > 1:
            questions[key, tuple(places)].append(question)
    for (key, repeated), asked in questions.items():
        more = ", …" if len(asked) > _MOST_NAMED else ""
        which = f" ({', '.join(filter(None, asked[:_MOST_NAMED]))}{more})" if any(asked) else ""
        yield (
            f"{describe_lines(repeated)} answer the same question{'s' if len(asked) > 1 else ''}{which} for "
            f"'{names[key]}', and each is graded: if they are not one person, give them names of their own."
        )


def describe_skipped_entries(entries: Sequence[Entry]) -> Iterator[str]:
    """A sentence for rows without an answer, and one for questions that were not asked."""
    lines = [entry.row.line for entry in entries if entry.skipped == NO_ANSWERS]
    if lines:
        verb = "is skipped: it has" if len(lines) == 1 else "are skipped: they have"
        yield f"{describe_lines(lines)} {verb} no answer to any question."
    unasked = [entry.row.line for entry in entries if entry.skipped == NOT_ASKED]
    if unasked:
        count = "1 answer is" if len(unasked) == 1 else f"{len(unasked)} answers are"
        where = describe_lines(sorted(set(unasked)))
        yield f"{count} left out, because the form says that the question was skipped: {where}."


def _read(entry: Entry, field: str) -> str:
    value = entry.cells.get(field)
    return "" if value is None else str(value).strip()
