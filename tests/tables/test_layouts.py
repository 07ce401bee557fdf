"""Tables in the layouts of many programs: every cell comes back as it was, or is named."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import openpyxl
import pytest
import xlsxwriter

from vivavoce.tables import Table
from vivavoce.tables.reading import read_bytes

SIMPLIFIED = "缓存把结果存起来，下一次就不用再算；所以读得更快。"
TRADITIONAL = "快取把結果存起來，下一次就不必再計算；所以讀取更快。"
WESTERN = "Größe und Maß: für später – «déjà vu», naïve"
HARD = (
    '5" disk',
    '"all of it quoted"',
    'He said "no", then; left\tor | not',
    "it's 'quoted', too",
    "two\nlines, and\n\nmore",
    " blanks around ",
    "back\\slash \\",
    "=1+1",
    "-5, @SUM(A1)",
    "1,5",
    "#N/A",
    '{"a": [1, "b"]}',
    "<p>a &lt; b</p>",
    "",
)
HEADINGS = (
    ("candidate", "answer", "note"),
    ("Candidate", " ANSWER ", "My notes, if any"),
    ("Student ID", "Your answer:", "two\nlines"),
    ("考生", "回答", "备注"),
    ("姓名", "答覆", "備註"),
    ("\u200bcandidate", "ａｎｓｗｅｒ\u00a0", "note"),
)
TEXT_OF = {"cp1252": WESTERN, "big5": TRADITIONAL}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "big5", "cp1252")


@dataclass(frozen=True)
class Layout:
    """How a program writes a table into text."""

    encoding: str
    delimiter: str
    quoting: str
    end: str
    frame: str
    heading: tuple[str, ...]

    def write(self, rows: Sequence[Sequence[str]]) -> bytes:
        lines = [self._write_row(row) for row in (self.heading, *rows)]
        if self.frame == "title":
            lines = ["Exam of March", "", *lines]
        elif self.frame == "blank":
            lines = ["", *lines[:3], "", *lines[3:], ""]
        elif self.frame == "sep":
            lines = [f"sep={self.delimiter}", *lines]
        return (self.end.join(lines) + self.end).encode(self.encoding)

    def _write_row(self, cells: Sequence[str]) -> str:
        row = self.delimiter.join(map(self._write_cell, cells))
        return f"{row}{self.delimiter}" if self.frame == "trailing" else row

    def _write_cell(self, cell: str) -> str:
        if self.quoting == "backslash":
            return '"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"'
        needs_quotes = any(mark in cell for mark in '",;\t|\r\n') or cell != cell.strip()
        if self.quoting == "needed" and not needs_quotes:
            return cell
        quote = "'" if self.quoting == "single" else '"'
        return quote + cell.replace(quote, quote * 2) + quote


def _list_layouts() -> Iterator[Layout]:
    """Many of the thousands of layouts, always the same ones."""
    every = itertools.product(
        ENCODINGS,
        (",", ";", "\t", "|"),
        ("needed", "all", "backslash", "single"),
        ("\n", "\r\n", "\r"),
        ("plain", "title", "blank", "sep", "trailing"),
        HEADINGS,
    )
    layouts = [Layout(*choices) for choices in every]
    writable = [layout for layout in layouts if _is_writable("".join(layout.heading), layout.encoding)]
    return iter(random.Random(7).sample(writable, 120))


def _is_writable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _build_rows(encoding: str) -> list[tuple[str, str, str]]:
    texts = [TEXT_OF.get(encoding, SIMPLIFIED), *HARD]
    if _is_writable("😀", encoding):
        texts += [TRADITIONAL, "emoji 😀 and \u2028 rare 𠮷"]
    return [(f"c{number}", text, f"note {text}") for number, text in enumerate(texts)]


def _check(table: Table, rows: Sequence[tuple[str, str, str]]) -> None:
    columns = [table.fields["candidate"], table.fields["answer"]]
    note = next(column for column in table.columns if column not in columns)
    read = [tuple(row.values[column] or "" for column in (*columns, note)) for row in table.rows]
    assert read == list(rows)
    assert table.problems == ()
    assert len({row.line for row in table.rows}) == len(rows)


@pytest.mark.parametrize("part", range(6))
def test_every_cell_of_a_text_file_comes_back(part: int) -> None:
    for number, layout in enumerate(_list_layouts()):
        if number % 6 == part:
            rows = _build_rows(layout.encoding)
            ending = ".tsv" if layout.delimiter == "\t" else (".csv", ".txt")[number % 2]
            _check(read_bytes(layout.write(rows), name=f"a{ending}"), rows)


@pytest.mark.parametrize("encoding", ENCODINGS[:6])
@pytest.mark.parametrize("form", ["lines", "array", "pretty array", "object"])
@pytest.mark.parametrize("ending", [".json", ".jsonl", ".txt"])
def test_every_value_of_a_json_file_comes_back(encoding: str, form: str, ending: str) -> None:
    rows = _build_rows(encoding)
    objects = [dict(zip(HEADINGS[3], row, strict=True)) for row in rows]
    text = {
        "lines": "\n".join(json.dumps(item, ensure_ascii=False) for item in objects),
        "array": json.dumps(objects),
        "pretty array": json.dumps(objects, indent=2, ensure_ascii=False),
        "object": json.dumps({"exam": "March", "answers": objects}, indent=1),
    }[form]
    _check(read_bytes(text.encode(encoding), name=f"a{ending}"), rows)


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize("first_row", [0, 3])
@pytest.mark.parametrize("writer", ["xlsxwriter", "openpyxl"])
def test_every_cell_of_a_workbook_comes_back(heading: tuple[str, ...], first_row: int, writer: str) -> None:
    rows = _build_rows("utf-8")
    lines = [*[["Exam of March"], [], []][:first_row], heading, *rows]
    file = io.BytesIO()
    if writer == "xlsxwriter":
        with xlsxwriter.Workbook(file, {"strings_to_formulas": False}) as book:
            sheet = book.add_worksheet()
            for number, line in enumerate(lines):
                sheet.write_row(number, 0, line)
    else:
        other = openpyxl.Workbook()
        for line in lines:
            other.worksheets[0].append(line)
        for cells in other.worksheets[0].iter_rows():
            for cell in cells:
                # Else "=1+1" would become a formula.
                if cell.value is not None:
                    cell.data_type = "s"
        other.save(file)
    _check(read_bytes(file.getvalue(), name="a.xlsx"), rows)
