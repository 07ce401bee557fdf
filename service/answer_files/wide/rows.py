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
NOT_ASKED = "the question was not asked"
# What forms write where nothing was answered, and where a question was not shown.
_EMPTY = frozenset(["(空)", "（空）", "(empty)"])
_SKIPPED = frozenset(["(跳过)", "（跳过）", "(跳過)", "（跳過）", "{question not shown}"])
_NOBODY = frozenset(["anonymous", "匿名", "匿名用户", "匿名用戶", "anonym", "anonyme", "anónimo", "anoniem"])
# Who a row is of, the best name first.
_CANDIDATES: tuple[tuple[str, ...], ...] = (
    (
        *("candidate", "考生", "候选人", "姓名", "名称", "name", "full name", "student", "your name", "student name"),
        *("your full name", "what is your name", "what's your name", "what is your full name", "what's your full name"),
        *("您的姓名", "你的姓名", "学生姓名", "请填写您的姓名", "请输入您的姓名", "您的姓名是", "您叫什么名字"),
        *("提交者", "提交人", "填写人", "填写者", "答题人", "微信昵称", "昵称"),
        *(
            "Ihr Name",
            "vollständiger Name",
            "nom",
            "nom complet",
            "votre nom",
            "nombre",
            "nombre completo",
            "su nombre",
        ),
        *("naam", "volledige naam", "uw naam", "nome", "nome completo", "seu nome", "nome e cognome"),
    ),
    (
        *(
            "email",
            "email address",
            "e-mail",
            "recipient email",
            "username",
            "邮箱",
            "电子邮箱",
            "电子邮件地址",
            "用户名",
        ),
        *("您的邮箱", "E-Mail-Adresse", "adresse e-mail", "correo electrónico", "e-mailadres", "endereço de e-mail"),
    ),
    ("id", "student id", "id number", "response id", "respondent id", "学号", "工号", "编号", "序号", "答题序号"),
)
_FAMILY_NAMES = (
    *("surname", "last name", "recipient last name", "姓", "姓氏", "Nachname", "nom de famille"),
    *("apellidos", "apellido(s)", "achternaam", "sobrenome", "apelido"),
)
_GIVEN_NAMES = (
    *("first name", "given name", "recipient first name", "名", "名字", "Vorname", "prénom", "nombre"),
    *("nombre(s)", "voornaam", "primeiro nome", "nome próprio"),
)


def list_wide_entries(table: Table, layout: WideLayout, candidates: CandidateColumns | None = None) -> list[Entry]:
    """The entries of a wide table in its order; a row without any answer has one entry, which is skipped.

    An empty cell in a row with other answers is an answer that was not given. `candidates` are found by their headings
    if they are not given.
    """
    candidates = candidates or find_candidate_columns(table)
    return [entry for row in table.rows for entry in _list_row_entries(row, table, layout, *candidates.read(row))]


@dataclass(frozen=True)
class CandidateColumns:
    """The columns that name the candidate of a row: those of the parts of the name, and others, the best one first."""

    parts: tuple[str, ...]
    others: tuple[str, ...]

    def read(self, row: Row) -> tuple[str | None, tuple[str, ...]]:
        """The row's candidate and the columns that say it; None if all of these cells are empty or anonymous."""
        given, family = (_read_text(row.values.get(heading)) for heading in self.parts or ("", ""))
        name = f"{family}{given}" if has_han(family + given) else f"{given} {family}".strip()
        names = [(name, self.parts)]
        names += [(_read_text(row.values.get(heading)), (heading,)) for heading in self.others]
        return next(((name, columns) for name, columns in names if name and name.lower() not in _NOBODY), (None, ()))


def find_candidate_columns(table: Table) -> CandidateColumns:
    """The columns that name candidates, by their headings."""
    # "1. Your name" is a name, also below a code.
    texts = [(heading, text) for heading in table.columns for text in (heading, table.labels.get(heading, "")) if text]
    by_name = {reading: heading for heading, text in reversed(texts) for reading in list_readings(text)}

    def find_heading(names: Sequence[str]) -> str | None:
        return next((by_name[key] for name in names if (key := fold_heading(name)) in by_name), None)

    parts = [find_heading(_GIVEN_NAMES), find_heading(_FAMILY_NAMES)]
    others = [table.fields.get("candidate"), *map(find_heading, _CANDIDATES)]
    # A family name alone is no candidate.
    return CandidateColumns(tuple(filter(None, parts)) if all(parts) else (), tuple(filter(None, others)))


def _list_row_entries(
    row: Row, table: Table, layout: WideLayout, candidate: str | None, named_in: Sequence[str]
) -> Iterator[Entry]:
    given = {name: row.values.get(heading) for name, heading in table.fields.items() if name == "language"}
    if not any(_read_answer(row, column) not in (None, "") for column in layout.answers):
        yield Entry(row, given, {}, {"question_id": None, "answer": None}, skipped=NO_ANSWERS)
        return
    for column in layout.answers:
        question_id = column.find_question(row.values)
        answer = _read_answer(row, column)
        # A random question that this candidate was not asked.
        if question_id is None and not _read_text(answer):
            continue
        added = {"question_id": question_id, "answer": answer}
        if answer is None and _read_text(row.values.get(column.heading)):
            yield Entry(row, given, {}, added, skipped=NOT_ASKED)
            continue
        cells: dict[str, Any] = {**given, "candidate": candidate, **added}
        yield Entry(row, cells, _name_headings(column, table, named_in), added)


def _read_answer(row: Row, column: AnswerColumn) -> Any:
    """The row's answer to a question: empty where the form says so, None where the question was not asked."""
    value = row.values.get(column.heading)
    text = _read_text(value)
    if text.lower() in _SKIPPED:
        return None
    return "" if text.lower() in _EMPTY or not text else value


def _name_headings(column: AnswerColumn, table: Table, named_in: Sequence[str]) -> Mapping[str, str]:
    own = {name: heading for name, heading in table.fields.items() if name == "language"}
    # A family name has a column of its own.
    own |= dict(zip(("candidate", "family name"), named_in, strict=False))
    return {**own, "answer": column.heading, "question_id": column.asked_in or column.heading}


def _read_text(value: Any) -> str:
    return "" if value is None else str(value).strip()
