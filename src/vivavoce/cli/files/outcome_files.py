"""Writes what became of a file of answers: a table or a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vivavoce.service.page.html_report import ReportRow, write_html
from vivavoce.tables import Table
from vivavoce.tables.writing import WRITABLE, write_table

from ..errors import UserError
from ..output.agreement import compare_with_people
from .answer_files import Outcome
from .result_columns import OutputColumns, build_output_row

_ENDINGS = "in .csv, .tsv, .jsonl, .json, .xlsx or .html"


def check_output(path: Path) -> None:
    """Check before any work that results can be written to `path`; raises UserError if not."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file that ends {_ENDINGS}.")
    if path.suffix.lower() not in (*WRITABLE, ".html"):
        raise UserError(f"{path} does not end {_ENDINGS}: choose one of them.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"The folder {path.absolute().parent} does not exist: create it first.")


def write_outcome(
    path: Path, table: Table, outcome: Outcome, *, title: str, columns: OutputColumns, keep_formulas: bool = False
) -> list[str]:
    """Write every answer of the table with its results, in the format of the ending of `path`.

    Returns a sentence for each change that the format made to a cell.
    """
    if path.suffix.lower() == ".html":
        _write_page(path, outcome, title=title)
        return []
    rows = [_build_row(place, outcome, columns) for place in range(len(outcome.submitted.entries))]
    return write_table(path, columns.names, rows, headings=columns.headings, keep_formulas=keep_formulas)


def _build_row(place: int, outcome: Outcome, columns: OutputColumns) -> dict[str, Any]:
    entry = outcome.submitted.entries[place]
    grading = outcome.gradings.get(place)
    problem = outcome.submitted.bad_entries.get(place)
    reason = f"{problem.column}: {problem.problem}" if problem else entry.skipped
    if grading and grading.report is None:
        reason = outcome.waits.get(grading.id)
    return build_output_row(entry, grading, columns, reason=reason)


def _write_page(path: Path, outcome: Outcome, *, title: str) -> None:
    submitted = outcome.submitted
    rows = [
        ReportRow(
            place=f"{item.entry.row.line}",
            question=item.rubric.question.text,
            answer=item.answer,
            grading=outcome.gradings[item.place],
            human_grade=submitted.grades.get(item.place),
            rubric=item.rubric,
            wait=outcome.waits.get(item.grading_id),
        )
        for item in submitted.items
    ]
    write_html(
        path,
        rows,
        title=title,
        problems=_describe(submitted.problems),
        unread_grades=_describe(submitted.unread_grades),
        agreement=compare_with_people(rows),
    )


def _describe(problems: Sequence[object]) -> list[str]:
    return [str(problem) for problem in problems]
