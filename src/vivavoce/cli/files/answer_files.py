"""`viva grade`: reads a file of answers, grades it, and writes the same file with scores.

The answers go through the same queue as those of the API, in the local database. So an interrupted run continues where
it stopped, and graded answers are not graded again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vivavoce.graders import Panel
from vivavoce.rubrics import Bank, Rubric, content_hash
from vivavoce.service import lifecycle, submission
from vivavoce.service.api.schemas import GradingPublic
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.submission import NewAnswer

from ..errors import UserError
from ..page.html_report import ReportRow, write_html
from .answer_rows import BadRowError, read_row
from .grading_run import describe_wait, read_open
from .result_columns import build_output_row, name_columns
from .tables import BadCell, Row, Table, require_columns, write_table

WRITABLE = (".csv", ".jsonl", ".xlsx", ".html")


@dataclass(frozen=True)
class Item:
    """A row that can be graded, with its rubric, its answer and the id of its grading."""

    row: Row
    rubric: Rubric
    answer: str
    grading_id: str


@dataclass(frozen=True)
class Outcome:
    """The result for a file: its items with their gradings, and the cells that could not be used.

    `waits` says of open gradings, by their ids, why they are open.
    """

    items: tuple[tuple[Item, GradingPublic], ...]
    problems: tuple[BadCell, ...]
    waits: Mapping[str, str] = field(default_factory=dict)

    @property
    def ungraded(self) -> int:
        """How many rows have no score, for whatever reason."""
        return len(self.problems) + sum(
            grading.report is None or grading.report["score"] is None for _, grading in self.items
        )


def submit_rows(
    path: Path,
    table: Table,
    *,
    bank: Bank,
    rubric: Rubric | None,
    question_id: str | None,
    panel: Panel,
    sessions: SessionFactory,
) -> tuple[list[Item], list[BadCell]]:
    """Submit every row that can be graded; return these as items, and the problems of the file in its order.

    A row that the same graders have graded before gets its earlier grading. Raises UserError when a needed column is
    missing.
    """
    require_columns(path, table, ["answer"] if rubric or question_id else ["answer", "question_id"])
    items: list[Item] = []
    problems = list(table.problems)
    occurrences: Counter[str] = Counter()
    for row in table.rows:
        try:
            new = read_row(row, bank=bank, rubric=rubric, question_id=question_id)
        except BadRowError as error:
            problems.append(BadCell(row.line, error.column, str(error)))
            continue
        fingerprint = _hash_work(new, panel)
        # Equal rows of one file are gradings of their own.
        occurrences[fingerprint] += 1
        keyed = replace(new, priority=lifecycle.BATCH, idempotency_key=f"file:{fingerprint}:{occurrences[fingerprint]}")
        with sessions.begin() as session:
            grading = submission.submit(session, keyed).grading
            # A second run tries failed gradings again.
            lifecycle.requeue(session, grading)
        items.append(Item(row=row, rubric=new.rubric, answer=new.answer, grading_id=grading.id))
    return items, sorted(problems, key=lambda problem: problem.line)


def read_outcome(items: Sequence[Item], problems: Sequence[BadCell], sessions: SessionFactory) -> Outcome:
    """The present state of the items' gradings, with the problems of the file."""
    open_gradings = read_open(sessions, [item.grading_id for item in items])
    waits = {name: wait for name, grading in open_gradings.items() if (wait := describe_wait(grading))}
    with sessions() as session:
        gradings = [(item, GradingPublic.from_grading(lifecycle.get(session, item.grading_id))) for item in items]
    return Outcome(items=tuple(gradings), problems=tuple(problems), waits=waits)


def write_outcome(path: Path, table: Table, outcome: Outcome, *, title: str) -> None:
    """Write every row of the input with its results, in the format of the ending of `path`."""
    if path.suffix.lower() == ".html":
        write_html(
            path,
            [
                ReportRow(
                    place=f"{item.row.line}",
                    question=item.rubric.question.text,
                    answer=item.answer,
                    grading=grading,
                    human_grade=_number(item.row.values.get("human_grade")),
                    rubric=item.rubric,
                    wait=outcome.waits.get(grading.id),
                )
                for item, grading in outcome.items
            ],
            title=title,
            problems=[str(problem) for problem in outcome.problems],
        )
        return
    names = name_columns(table.columns)
    gradings = {item.row.line: grading for item, grading in outcome.items}
    problems = {problem.line: problem for problem in outcome.problems}
    # One cell of a table is too small for a whole report.
    with_report = path.suffix.lower() == ".jsonl"
    rows = [
        build_output_row(
            row,
            gradings.get(row.line),
            problems.get(row.line),
            names,
            wait=outcome.waits.get(gradings[row.line].id) if row.line in gradings else None,
            with_report=with_report,
        )
        for row in table.rows
    ]
    write_table(path, [*table.columns, *names.values()], rows)


def check_output(path: Path) -> None:
    """Check before any work that results can be written to `path`; raises UserError if not."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file that ends in .csv, .jsonl, .xlsx or .html.")
    if path.suffix.lower() not in WRITABLE:
        raise UserError(f"{path} does not end in .csv, .jsonl, .xlsx or .html: choose one of them.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"The folder {path.absolute().parent} does not exist: create it first.")


def _hash_work(new: NewAnswer, panel: Panel) -> str:
    """SHA-256 of everything that decides a report: answer, candidate, rubric and graders."""
    identity = asdict(panel.identity(new.rubric))
    parts = [new.answer, new.candidate, content_hash(new.rubric), identity]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
