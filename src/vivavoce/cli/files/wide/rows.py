"""Answers of a wide table: an entry for each candidate and question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.graders.reading.normal_text import has_han
from vivavoce.tables import Row, Table

from ..entries import Entry
from .layout import AnswerColumn, WideLayout
from .question_matching import fold_heading, list_readings

NO_ANSWERS = "the row has no answer to any question"
# Who a row is of, the best name first.
_CANDIDATES = (
    (
        "candidate",
        "考生",
        "候选人",
        "姓名",
        "名称",
        "name",
        "full name",
        "fullname",
        "student",
        "您的姓名",
        "你的姓名",
        "学生姓名",
        "your name",
        "student name",
    ),
    ("email", "email address", "e-mail", "username", "邮箱", "电子邮箱", "电子邮件地址", "用户名"),
    ("id", "student id", "id number", "学号", "工号", "编号", "序号"),
)
_FAMILY_NAMES, _GIVEN_NAMES = ("surname", "last name", "姓", "姓氏"), ("first name", "given name", "名", "名字")


def list_wide_entries(table: Table, layout: WideLayout) -> list[Entry]:
    """The entries of a wide table in its order; a row without any answer has one entry, which is skipped.

    An empty cell in a row with other answers is an answer that was not given.
    """
    candidates = _find_candidate_columns(table)
    return [entry for row in table.rows for entry in _list_row_entries(row, table, layout, candidates.read(row))]


@dataclass(frozen=True)
class _CandidateColumns:
    """The columns that name the candidate of a row: those of the parts of the name, and others, the best one first."""

    parts: tuple[str, ...]
    others: tuple[str, ...]

    def read(self, row: Row) -> str | None:
        """The row's candidate; None if all of these cells are empty."""
        given, family = (_read_text(row.values.get(heading)) for heading in self.parts or ("", ""))
        names = [f"{family}{given}" if has_han(family + given) else f"{given} {family}".strip()]
        names += [_read_text(row.values.get(heading)) for heading in self.others]
        return next(filter(None, names), None)


def _find_candidate_columns(table: Table) -> _CandidateColumns:
    # "1. Your name" is a name.
    by_name = {reading: heading for heading in reversed(table.columns) for reading in list_readings(heading)}

    def find_heading(names: Sequence[str]) -> str | None:
        return next((by_name[key] for name in names if (key := fold_heading(name)) in by_name), None)

    parts = [find_heading(_GIVEN_NAMES), find_heading(_FAMILY_NAMES)]
    others = [table.fields.get("candidate"), *map(find_heading, _CANDIDATES)]
    # A family name alone is no candidate.
    return _CandidateColumns(tuple(filter(None, parts)) if all(parts) else (), tuple(filter(None, others)))


def _list_row_entries(row: Row, table: Table, layout: WideLayout, candidate: str | None) -> Iterator[Entry]:
    given = {name: row.values.get(heading) for name, heading in table.fields.items() if name == "language"}
    if not any(_read_text(row.values.get(column.heading)) for column in layout.answers):
        yield Entry(row, given, {}, {"question_id": None, "answer": None}, skipped=NO_ANSWERS)
        return
    for column in layout.answers:
        question_id = column.find_question(row.values)
        answer = row.values.get(column.heading)
        # A random question that this candidate was not asked.
        if question_id is None and not _read_text(answer):
            continue
        cells: dict[str, Any] = {**given, "candidate": candidate, "question_id": question_id, "answer": answer}
        yield Entry(row, cells, _name_headings(column, table), {"question_id": question_id, "answer": answer})


def _name_headings(column: AnswerColumn, table: Table) -> Mapping[str, str]:
    own = {name: heading for name, heading in table.fields.items() if name in ("language", "candidate")}
    return {**own, "answer": column.heading, "question_id": column.asked_in or column.heading}


def _read_text(value: Any) -> str:
    return "" if value is None else str(value).strip()
