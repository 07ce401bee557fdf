"""Files of answers with ids that spreadsheets damage: 18 digits and leading zeros."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vivavoce.rubrics import Bank, Rubric
from vivavoce.tables.writing import Sheet, write_sheets

_COLUMNS = ("external_id", "candidate", "question_id", "answer")
_QUESTIONS = 10
_FIRST_ID = 100_000_000_000_000_007


def choose_rubrics(bank: Bank) -> list[Rubric]:
    """Five questions in each language, all different."""
    names = sorted({rubric.question.id for rubric in bank if rubric.references})
    wanted = {name: "en" if place % 2 else "zh" for place, name in enumerate(names[:_QUESTIONS])}
    return [rubric for rubric in bank if wanted.get(rubric.question.id) == rubric.question.language]


def name_id(number: int) -> str:
    """The id of an answer: 18 digits, or for each second one 8 digits that begin with zeros."""
    return f"{number:08d}" if number % 2 else str(_FIRST_ID + number)


def name_candidate(number: int) -> str:
    """The candidate of an answer, one for each question."""
    return f"{number // _QUESTIONS:06d}"


def write_answers(file_format: str, rubrics: list[Rubric], rows: int) -> bytes:
    """A file of so many answers as csv, xlsx or jsonl."""
    if file_format == "xlsx":
        return _write_xlsx(rubrics, rows)
    text = io.StringIO(newline="")
    if file_format == "jsonl":
        for row in _make_rows(rubrics, rows):
            text.write(json.dumps(dict(zip(_COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")
    else:
        csv.writer(text).writerows([_COLUMNS, *_make_rows(rubrics, rows)])
    return text.getvalue().encode()


def _write_xlsx(rubrics: list[Rubric], rows: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.xlsx"
        write_sheets(path, [Sheet("answers", _COLUMNS, _make_rows(rubrics, rows))])
        return path.read_bytes()


def _make_rows(rubrics: list[Rubric], rows: int) -> Iterator[tuple[str, str, str, str]]:
    for number in range(rows):
        rubric = rubrics[number % len(rubrics)]
        reference = rubric.references[number % len(rubric.references)].text
        own_words = f"第 {number} 位的回答。" if rubric.question.language == "zh" else f"This is answer {number}."
        yield name_id(number), name_candidate(number), rubric.question.id, f"{reference} {own_words}"
