"""The columns of the results: those of the file of answers, and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.service.answer_files.entries import Entry
from vivavoce.service.answer_files.wide.question_matching import fold_heading
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.tables import Table

from ..errors import UserError
from ..output.console import format_figure

RESULTS = (
    "score",
    "points",
    "max_points",
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
_REPORT = "report"
# Headings of columns that say whose answer a row has.
_IDENTIFYING = frozenset(
    map(
        fold_heading,
        (
            *("id", "email", "email address", "e-mail", "name", "full name", "surname", "last name", "first name"),
            *("username", "student id", "student number", "candidate id", "姓名", "学号", "考号", "准考证号", "工号"),
            *("编号", "序号", "邮箱", "电子邮箱", "考生", "候选人", "用户名"),
        ),
    )
)


@dataclass(frozen=True)
class OutputColumns:
    """The columns of the output by their names, with what stands above them, and the names of our own by their keys."""

    names: tuple[str, ...]
    headings: tuple[str, ...]
    ours: Mapping[str, str]


def choose_columns(table: Table, *, added: Sequence[str], wanted: str | None, with_report: bool) -> OutputColumns:
    """The columns of the output: all of the table, those `added` to it and all results.

    With `wanted`, a list of names with commas, those that identify a row and the wanted ones. `with_report` allows the
    whole report. One of our names that the table has already gets the prefix viva_. Raises UserError for unknown names.
    """
    keys = (*added, *RESULTS, *([_REPORT] if with_report else []))
    ours = {key: f"viva_{key}" if key in table.columns else key for key in keys}
    names = [*table.columns, *ours.values()]
    if wanted is not None:
        chosen = {_find_wanted(name, table, ours) for name in wanted.split(",") if name.strip()}
        identifying = {*_list_identifying(table), *(ours[name] for name in added if name == "question_id")}
        names = [name for name in names if name in chosen | identifying]
    originals = dict(zip(table.columns, table.headings, strict=False))
    return OutputColumns(tuple(names), tuple(originals.get(name, name) for name in names), ours)


def build_output_row(
    entry: Entry, grading: GradingPublic | None, columns: OutputColumns, *, reason: str | None = None
) -> dict[str, Any]:
    """The cells of an answer's row with its results; `reason` says why there is no score where no report does."""
    results: dict[str, Any] = dict(_read_results(grading)) if grading else {"state": "not graded"}
    if reason:
        results["unscored_reason"] = reason
    results |= entry.added
    cells = {**entry.row.values, **{name: results.get(key) for key, name in columns.ours.items()}}
    # A key that JSON lines lack stays away.
    return {name: cells[name] for name in columns.names if name in cells}


def _find_wanted(name: str, table: Table, ours: Mapping[str, str]) -> str:
    name = name.strip()
    if name in ours:
        return ours[name]
    for column in table.columns:
        if name == column or fold_heading(name) == fold_heading(column):
            return column
    if name in ours.values():
        return name
    if name == _REPORT:
        raise UserError("--columns report: only .jsonl and .json can hold whole reports.")
    own = ", ".join(table.columns[:12])
    raise UserError(
        f"--columns: there is no column '{name}': choose from {', '.join(ours)}, or the file's own ({own})."
    )


def _list_identifying(table: Table) -> list[str]:
    fields = {heading for name, heading in table.fields.items() if name in ("candidate", "question_id", "question")}
    fields |= {"candidate", "question_id"} & set(table.columns)
    return [column for column in table.columns if column in fields or fold_heading(column) in _IDENTIFYING]


def _read_results(grading: GradingPublic) -> Iterator[tuple[str, Any]]:
    yield "state", str(grading.state)
    yield "grading_id", grading.id
    yield "unscored_reason", grading.detail and f"{grading.reason}: {grading.detail}"
    report = grading.report
    yield _REPORT, report
    # Gradings that wait or were cancelled have none.
    if report is None:
        return
    for name in ("score", "points", "max_points", "score_min", "score_max", "confidence", "coverage"):
        yield name, report[name]
    yield "flags", " ".join(report["flags"])
    yield "criteria", "; ".join(_describe_criterion(criterion) for criterion in report["criteria"])
    yield "feedback", report["feedback"]["candidate"]
    yield "judge_model", f"{report['provenance']['model']} ({report['provenance']['engine']})"


def _describe_criterion(criterion: Mapping[str, Any]) -> str:
    points = "no verdict" if criterion["points"] is None else format_figure(criterion["points"], 1)
    # Little of a mistake must not read -0.0.
    if points in ("0.0", "-0.0"):
        points = "0"
    return f"{criterion['id']}={points}/{criterion['max_points']:g}"
