"""Headings in more than one row: which cells of a row below the headings belong to them, and to which question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .headings import find_columns, is_blank, normalize_heading

# The identifier of the question that a text is, None if it is none.
FindQuestion = Callable[[str], str | None]


def find_no_question(text: str) -> str | None:
    """None for every text, where no questions are known."""
    return None


# Qualtrics writes the identifiers of its columns as JSON.
_IMPORT_ID = re.compile(r"\s*\{\s*[\"']?ImportId", re.IGNORECASE)
_MOST_ROWS = 4
# What stands over the answers, below the question.
_ANSWER_WORDS = frozenset(
    map(
        normalize_heading,
        (
            *("answer", "answers", "response", "responses", "open-ended response", "open ended response", "text"),
            *("free text", "essay", "comment box", "回答", "答案", "作答", "答复", "答覆", "回复", "回覆"),
            *("开放式回答", "開放式回答", "文本", "填空", "Antwort", "Offene Antwort", "réponse", "réponse ouverte"),
            *("respuesta", "respuesta abierta", "antwoord", "open antwoord", "resposta", "resposta aberta", "risposta"),
        ),
    )
)
_OTHER_WORDS = frozenset(
    map(
        normalize_heading,
        (
            *("comment", "comments", "points", "score", "grade", "mark", "marks", "feedback", "name", "email", "date"),
            *("email address", "time", "id", "other", "other (please specify)", "notes", "note", "remarks", "key"),
            *("correct answer", "right answer", "max", "max points", "评语", "評語", "得分", "分数", "分數", "评分"),
            *("評分", "备注", "備註", "反馈", "姓名", "学号", "學號", "时间", "時間", "其他", "正确答案", "正確答案"),
            *("Punkte", "Kommentar", "Note", "commentaire", "comentario", "puntos", "punten", "pontos", "opmerking"),
        ),
    )
)


@dataclass(frozen=True)
class HeadingRows:
    """The headings, what else is said above their columns by position, and the lines of the rows below that say it."""

    headings: Sequence[str]
    labels: Mapping[int, str] = field(default_factory=dict)
    lines: tuple[int, ...] = ()


def read_heading_rows(
    headings: Sequence[str],
    rows: Sequence[tuple[int, Sequence[Any]]],
    chosen: Mapping[str, str],
    find_question: FindQuestion,
) -> HeadingRows:
    """The headings with what rows right below add to them; `rows` are lines and cells."""
    first = [
        (line, ["" if is_blank(cell) else str(cell).strip() for cell in cells]) for line, cells in rows[:_MOST_ROWS]
    ]
    for number, (_, cells) in enumerate(first[:3]):
        if has_import_ids(cells):
            labels = dict(enumerate(first[0][1])) if number else {}
            return HeadingRows(headings, labels, tuple(line for line, _ in first[: number + 1]))
    if not first:
        return HeadingRows(headings)
    line, cells = first[0]
    if is_lower_row(headings, cells):
        return HeadingRows(_join_rows(headings, cells, find_question), {}, (line,))
    if _repeats_fields(headings, cells, chosen):
        return HeadingRows(headings, {}, (line,))
    below = [cells for _, cells in first[1:]]
    if below and _are_texts(headings, cells, below, find_question):
        return HeadingRows(headings, dict(enumerate(cells)), (line,))
    return HeadingRows(headings)


def has_import_ids(cells: Sequence[str]) -> bool:
    """Whether most of these cells are identifiers of Qualtrics."""
    found = sum(_IMPORT_ID.match(cell) is not None for cell in cells)
    return found > 0 and 2 * found >= count_filled(cells)


def count_filled(cells: Sequence[str]) -> int:
    """How many cells hold something that can be seen."""
    return sum(not is_blank(cell) for cell in cells)


def is_lower_row(headings: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether these cells say below the headings in which columns the answers are."""
    keys = {place: normalize_heading(cell) for place, cell in enumerate(cells) if cell.strip()}
    own = {place: key for place, key in keys.items() if key != normalize_heading(_read(headings, place))}
    if not any(key in _ANSWER_WORDS for key in own.values()):
        return False
    first = next((place for place, heading in enumerate(headings) if heading.strip()), 0)
    is_row_of_words = all(key in _ANSWER_WORDS or key in _OTHER_WORDS for key in own.values())
    return is_row_of_words or first not in keys


def _join_rows(headings: Sequence[str], cells: Sequence[str], find_question: FindQuestion) -> list[str]:
    """A heading for each column: the question above its answers, the lower word above others."""
    joined, upper = [], ""
    for place in range(max(len(headings), len(cells))):
        upper = _read(headings, place) or (upper if _read(cells, place) else "")
        lower = _read(cells, place)
        key = normalize_heading(lower)
        if not lower or not upper or key in _ANSWER_WORDS or key == normalize_heading(upper):
            joined.append(upper or lower)
        else:
            joined.append(f"{lower} - {upper}" if find_question(upper) or key in _OTHER_WORDS else lower)
    return joined


def _repeats_fields(headings: Sequence[str], cells: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether the cells are the headings again, in another language."""
    above, below = find_columns(headings, chosen), find_columns(cells, {})
    shared = [name for name, places in below.items() if above.get(name) == places]
    return len(shared) > 1 and len(shared) == count_filled(cells)


def _are_texts(
    headings: Sequence[str], cells: Sequence[str], below: Sequence[Sequence[str]], find_question: FindQuestion
) -> bool:
    """Whether cells are the texts of questions below codes or the same questions, and the rows `below` are not."""
    fields = {place for places in find_columns(headings, {}).values() for place in places}
    found = False
    for place, cell in enumerate(cells):
        question = find_question(cell) if place not in fields and re.search(r"[\s\u4e00-\u9fff]", cell) else None
        if question is None:
            continue
        is_data = any(find_question(_read(row, place)) for row in below)
        if is_data or find_question(_read(headings, place)) not in (None, question):
            return False
        found = True
    return found


def _read(cells: Sequence[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""
