"""`viva grade`: submits the answers of a file, and reads what became of them.

The answers go through the same queue as those of the API, in the local database. So an interrupted run continues where
it stopped, and graded answers are not graded again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from vivavoce.graders import Panel
from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service.answer_files.answer_rows import BadRowError, RubricChoice, read_entry
from vivavoce.service.answer_files.candidate_languages import choose_languages
from vivavoce.service.answer_files.entries import CellProblems, Entry
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.tables import BadCell

from .grading_run import describe_wait, read_open
from .human_grades import read_grades


@dataclass(frozen=True)
class Item:
    """An answer that can be graded: its place among the entries of the file, its rubric and the id of its grading."""

    place: int
    entry: Entry
    rubric: Rubric
    answer: str
    grading_id: str


@dataclass(frozen=True)
class Submitted:
    """The entries of a file: those that are submitted, and the problems of the others by their places.

    `unread` are problems of lines that are no entries, `grades` what people gave (0 to 10) by place, and
    `unread_grades` the cells that are no such grade.
    """

    entries: tuple[Entry, ...]
    items: tuple[Item, ...]
    bad_entries: Mapping[int, BadCell]
    unread: tuple[BadCell, ...]
    grades: Mapping[int, float]
    unread_grades: tuple[BadCell, ...]

    @property
    def problems(self) -> list[BadCell]:
        """Everything that is not graded, in the order of the file."""
        return sorted([*self.bad_entries.values(), *self.unread], key=lambda problem: problem.line)

    @property
    def grading_ids(self) -> list[str]:
        """The gradings of the items."""
        return [item.grading_id for item in self.items]


@dataclass(frozen=True)
class Outcome:
    """What became of a file: its gradings by the place of their entries, and why open ones are open, by their ids."""

    submitted: Submitted
    gradings: Mapping[int, GradingPublic]
    waits: Mapping[str, str] = field(default_factory=dict)

    @property
    def ungraded(self) -> int:
        """How many answers have no score, for whatever reason."""
        reports = [grading.report for grading in self.gradings.values()]
        return len(self.submitted.problems) + sum(report is None or report["score"] is None for report in reports)

    @property
    def graded(self) -> int:
        """How many answers have a score."""
        return len(self.gradings) + len(self.submitted.problems) - self.ungraded


def submit_entries(
    entries: Sequence[Entry],
    *,
    choice: RubricChoice,
    panel: Panel,
    sessions: SessionFactory,
    unreadable: Sequence[BadCell] = (),
    bad_cells: Sequence[BadCell] = (),
) -> Submitted:
    """Submit every entry that can be graded; `unreadable` and `bad_cells` are the problems of reading the table.

    An answer that the same graders have graded before gets its earlier grading.
    """
    items: list[Item] = []
    bad_entries: dict[int, BadCell] = {}
    occurrences: Counter[str] = Counter()
    problems = CellProblems(unreadable, bad_cells, entries)
    for place, (entry, language) in enumerate(zip(entries, choose_languages(entries), strict=True)):
        if entry.skipped:
            continue
        if problem := problems.find(entry):
            bad_entries[place] = problem
            continue
        try:
            new = read_entry(entry, choice, candidate_language=language)
        except BadRowError as error:
            bad_entries[place] = BadCell(entry.row.line, error.column, str(error))
            continue
        fingerprint = _hash_work(new, panel)
        # Equal answers of one file are gradings of their own.
        occurrences[fingerprint] += 1
        key = f"file:{fingerprint}:{occurrences[fingerprint]}"
        grading_id = _submit_answer(replace(new, priority=lifecycle.BATCH, idempotency_key=key), sessions)
        items.append(Item(place, entry, new.rubric, new.answer, grading_id))
    lines = {entry.row.line for entry in entries}
    grades, unread_grades = read_grades(entries, problems)
    unread = tuple(problem for problem in unreadable if problem.line not in lines)
    return Submitted(tuple(entries), tuple(items), bad_entries, unread, grades, tuple(unread_grades))


def read_outcome(submitted: Submitted, sessions: SessionFactory) -> Outcome:
    """The present state of the gradings."""
    open_gradings = read_open(sessions, submitted.grading_ids)
    waits = {name: wait for name, grading in open_gradings.items() if (wait := describe_wait(grading))}
    with sessions() as session:
        gradings = {
            item.place: GradingPublic.from_grading(lifecycle.get(session, item.grading_id)) for item in submitted.items
        }
    return Outcome(submitted, gradings, waits)


def _submit_answer(new: NewAnswer, sessions: SessionFactory) -> str:
    with sessions.begin() as session:
        grading = submission.submit(session, new).grading
        # A second run tries failed gradings again.
        lifecycle.requeue(session, grading)
        return grading.id


def _hash_work(new: NewAnswer, panel: Panel) -> str:
    """SHA-256 of everything that decides a report: answer, candidate, rubric, graders and language of the feedback."""
    identity = asdict(panel.identity(new.rubric))
    parts = [new.answer, new.candidate, content_hash(new.rubric), identity]
    # Left out where it is the question's: gradings of earlier versions are found.
    if new.feedback_language:
        parts.append(new.feedback_language)
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
