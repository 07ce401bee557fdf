"""`viva grade`: a file of answers in, the same file with scores out.

The answers go through the same queue as those of the API, in the local database. So a run that was
interrupted goes on where it stopped, and what is graded already is not graded again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vivavoce.graders import Panel
from vivavoce.rubrics import Bank, Rubric, content_hash
from vivavoce.service import lifecycle, submission, validation
from vivavoce.service.errors import ServiceError
from vivavoce.service.schemas import GradingPublic
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.submission import NewAnswer
from vivavoce.workers.grading import RETRY_SECONDS, process_queue
from vivavoce.workers.worker_id import current_worker_id

from .errors import UserError
from .html_report import ReportRow, write_html
from .tables import BadCell, Row, Table, require_columns, write_table

OUTPUT_COLUMNS = (
    "score",
    "score_min",
    "score_max",
    "confidence",
    "coverage",
    "state",
    "flags",
    "criteria",
    "feedback",
    "unscored_reason",
    "judge_model",
    "grading_id",
)
WRITABLE = (".csv", ".jsonl", ".xlsx", ".html")


@dataclass(frozen=True)
class Item:
    """A row that can be graded, with the grading that stands for it."""

    row: Row
    rubric: Rubric
    answer: str
    grading_id: str


@dataclass(frozen=True)
class Outcome:
    """What came of a file: its items with their gradings, and what could not be taken in."""

    items: tuple[tuple[Item, GradingPublic], ...]
    problems: tuple[BadCell, ...]

    @property
    def ungraded(self) -> int:
        """Rows without a score, whatever the cause."""
        return len(self.problems) + sum(
            grading.report is None or grading.report["score"] is None for _, grading in self.items
        )


def take_in(
    path: Path,
    table: Table,
    *,
    bank: Bank,
    rubric: Rubric | None,
    question_id: str | None,
    panel: Panel,
    sessions: SessionFactory,
) -> tuple[list[Item], list[BadCell]]:
    """Submit every row that can be graded; the others come back as problems with their place."""
    require_columns(path, table, ["answer"] if rubric or question_id else ["answer", "question_id"])
    items: list[Item] = []
    problems = list(table.problems)
    seen: Counter[str] = Counter()
    for row in table.rows:
        try:
            chosen, new = _read_row(row, bank=bank, rubric=rubric, question_id=question_id)
        except _BadRow as error:
            problems.append(BadCell(row.line, error.column, str(error)))
            continue
        fingerprint = _fingerprint(new, panel)
        seen[fingerprint] += 1
        keyed = NewAnswer(
            rubric=new.rubric,
            answer=new.answer,
            candidate=new.candidate,
            priority=lifecycle.BATCH,
            idempotency_key=f"file:{fingerprint}:{seen[fingerprint]}",
        )
        with sessions.begin() as session:
            grading = submission.submit(session, keyed).grading
            lifecycle.requeue(session, grading)
        items.append(Item(row=row, rubric=chosen, answer=new.answer, grading_id=grading.id))
    return items, sorted(problems, key=lambda problem: problem.line)


def grade_items(
    items: Sequence[Item],
    *,
    sessions: SessionFactory,
    panel: Panel,
    settings: Settings,
    on_finished: Callable[[], None],
    on_waiting: Callable[[str], None],
    patience_seconds: float,
) -> None:
    """Drain the queue until every item is finished.

    While the judge is out of reach the items wait; after `patience_seconds` without progress this
    gives up and leaves them in the queue.
    """
    open_ids = {item.grading_id for item in items} - _finished(sessions, items)
    for _ in range(len(items) - len(open_ids)):
        on_finished()

    def finished(grading_id: str) -> None:
        if grading_id in open_ids:
            open_ids.discard(grading_id)
            on_finished()

    last_progress = time.monotonic()
    while open_ids:
        before = len(open_ids)
        done = process_queue(sessions, panel, settings, owner=current_worker_id(), on_finished=finished)
        if not done.released:
            # Nothing of ours is due: another worker holds it, or finished it.
            for grading_id in open_ids & _finished(sessions, items):
                finished(grading_id)
        if len(open_ids) < before:
            last_progress = time.monotonic()
        elif time.monotonic() - last_progress > patience_seconds:
            return
        if open_ids:
            if done.released_reason:
                on_waiting(done.released_reason)
            time.sleep(min(1.0, RETRY_SECONDS))


def read_outcome(items: Sequence[Item], problems: Sequence[BadCell], sessions: SessionFactory) -> Outcome:
    """The gradings of the items as they stand now."""
    with sessions() as session:
        found = [(item, GradingPublic.from_grading(lifecycle.get(session, item.grading_id))) for item in items]
    return Outcome(items=tuple(found), problems=tuple(problems))


def write_outcome(path: Path, table: Table, outcome: Outcome, *, title: str) -> None:
    """Write every row of the input with what came of it, in the form that the ending of `path` names."""
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
                )
                for item, grading in outcome.items
            ],
            title=title,
            problems=[str(problem) for problem in outcome.problems],
        )
        return
    names = _free_names(table.columns)
    graded = {item.row.line: grading for item, grading in outcome.items}
    broken = {problem.line: problem for problem in outcome.problems}
    rows = [
        _output_row(row, graded.get(row.line), broken.get(row.line), names, path.suffix.lower()) for row in table.rows
    ]
    write_table(path, [*table.columns, *names.values()], rows)


def check_output(path: Path) -> None:
    """Raises UserError when results cannot be written there, before any work is done."""
    if path.is_dir():
        raise UserError(f"{path} is a directory: name a file that ends in .csv, .jsonl, .xlsx or .html.")
    if path.suffix.lower() not in WRITABLE:
        raise UserError(f"{path} does not end in .csv, .jsonl, .xlsx or .html: choose one of them.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"The folder {path.absolute().parent} does not exist: make it first.")


class _BadRow(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def _read_row(row: Row, *, bank: Bank, rubric: Rubric | None, question_id: str | None) -> tuple[Rubric, NewAnswer]:
    values = row.values
    answer = values.get("answer")
    if answer is None:
        answer = ""
    if not isinstance(answer, str):
        if not isinstance(answer, int | float):
            raise _BadRow("answer", f"the answer is {_kind(answer)}: it must be text.")
        answer = str(answer)
    language = str(values.get("language") or "").strip() or None
    if language not in (None, "zh", "en"):
        raise _BadRow("language", f"there is no language '{language}': use zh or en, or leave it empty.")
    try:
        validation.check_answer(answer)
    except ServiceError as error:
        raise _BadRow("answer", str(error)) from None
    candidate = values.get("candidate")
    try:
        candidate = validation.check_candidate(None if candidate is None else str(candidate))
    except ServiceError as error:
        raise _BadRow("candidate", str(error)) from None
    wanted = question_id or str(values.get("question_id") or "").strip()
    if rubric is None:
        if not wanted:
            raise _BadRow("question_id", "no question is named: fill it in.")
        try:
            rubric = validation.find_rubric(bank, question_id=wanted, language=language, answer=answer)
        except ServiceError as error:
            raise _BadRow("question_id", str(error)) from None
    return rubric, NewAnswer(rubric=rubric, answer=answer, candidate=candidate)


def _fingerprint(new: NewAnswer, panel: Panel) -> str:
    """What makes two rows the same work: answer, candidate, rubric, and everything that grades."""
    identity = asdict(panel.identity(new.rubric))
    parts = [new.answer, new.candidate, content_hash(new.rubric), identity]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _finished(sessions: SessionFactory, items: Sequence[Item]) -> set[str]:
    with sessions() as session:
        return {item.grading_id for item in items if not lifecycle.get(session, item.grading_id).is_open}


def _free_names(columns: Sequence[str]) -> dict[str, str]:
    """Names for our columns that leave those of the input alone."""
    return {name: name if name not in columns else f"viva_{name}" for name in OUTPUT_COLUMNS}


def _output_row(
    row: Row,
    grading: GradingPublic | None,
    problem: BadCell | None,
    names: dict[str, str],
    ending: str,
) -> dict[str, Any]:
    ours = dict(_results(grading)) if grading else {"state": "not graded"}
    if problem:
        ours["unscored_reason"] = f"{problem.column}: {problem.problem}"
    written = {**row.values, **{names[name]: ours.get(name) for name in OUTPUT_COLUMNS}}
    if ending == ".jsonl" and grading:
        written["report"] = grading.report
    return written


def _results(grading: GradingPublic) -> Iterator[tuple[str, Any]]:
    yield "state", str(grading.state)
    yield "grading_id", grading.id
    yield "unscored_reason", grading.detail and f"{grading.reason}: {grading.detail}"
    report = grading.report
    if report is None:
        return
    for name in ("score", "score_min", "score_max", "confidence", "coverage"):
        yield name, report[name]
    yield "flags", " ".join(report["flags"])
    yield "criteria", "; ".join(_criterion(criterion) for criterion in report["criteria"])
    yield "feedback", report["feedback"]["candidate"]
    yield "judge_model", f"{report['provenance']['model']} ({report['provenance']['engine']})"


def _criterion(criterion: dict[str, Any]) -> str:
    points = "no verdict" if criterion["points"] is None else f"{criterion['points']:.1f}"
    return f"{criterion['id']}={points}/{criterion['max_points']:g}"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _kind(value: Any) -> str:
    return {list: "a list", dict: "an object", bool: "true or false"}.get(type(value), type(value).__name__)
