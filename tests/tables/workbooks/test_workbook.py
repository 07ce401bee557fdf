from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from vivavoce.tables import Table, TableError, require_fields
from vivavoce.tables.reading import read_bytes

_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)


_MANIFEST = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'


def _write(fill: Callable[[Any], None]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        fill(book)
    return file.getvalue()


def _sheet(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook as a script writes it: text that begins with "=" becomes a formula without a value."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _ods(rows: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
        archive.writestr(
            "content.xml",
            f'<office:document-content {_SPACES}><office:body><office:spreadsheet><table:table table:name="S">{rows}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return file.getvalue()


def _ods_row(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def _ods_cell(text: str, attributes: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {attributes}><text:p>{text}</text:p></table:table-cell>'


def _read(data: bytes, name: str = "a.xlsx", **options: Any) -> Table:
    return read_bytes(data, name=name, **options)


def _answers(table: Table) -> list[Any]:
    return [table.read_field(row, "answer") for row in table.rows]


def _problems(table: Table) -> list[tuple[int, str]]:
    return [(problem.line, problem.problem) for problem in table.problems]


# Cells


def test_a_formula_without_a_value_is_named_and_its_text_comes_back() -> None:
    table = _read(_sheet([["answer", "n"], ["=> INT8", "=A1"], ["fine", 1]]))
    assert table.problems[0].line == 2
    assert "a formula without a value: open the file in Excel and save it" in table.problems[0].problem
    assert [dict(row.values) for row in table.rows] == [{"answer": "=> INT8", "n": "=A1"}, {"answer": "fine", "n": 1}]


def test_the_zero_of_a_formula_that_was_never_computed_is_no_answer() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_column(0, 0, ["answer", "=> INT8"])
        sheet.write_formula(2, 0, '=A1&"x"', None, "computed")

    table = _read(_write(fill))
    assert [line for line, _ in _problems(table)] == [2]
    assert _answers(table)[1] == "computed"


def test_error_values_of_excel_are_named_and_the_same_as_text_is_text() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "answer")
        sheet.write_formula(1, 0, "=NA()", None, "#N/A")
        sheet.write_string(2, 0, "#N/A")

    table = _read(_write(fill))
    assert _problems(table) == [(2, "Excel shows the error #N/A in place of the text: enter it as text and run again.")]
    assert _answers(table) == ["#N/A", "#N/A"]


def test_values_are_read_as_they_are_shown() -> None:
    moment = datetime.datetime(2024, 3, 4, 9, 30, 1)
    values = [
        8.0,
        0.5,
        True,
        moment,
        moment.date(),
        moment.time(),
        datetime.timedelta(hours=30),
        "007",
        "a_x000D_\nb",
        "a_x005F_x0041_",
    ]
    table = _read(_sheet([["candidate", "answer"], *([number, value] for number, value in enumerate(values))]))
    assert _answers(table) == [
        8,
        0.5,
        "TRUE",
        "2024-03-04 09:30:01",
        "2024-03-04",
        "09:30:01",
        "30:00:00",
        "007",
        "a\nb",
        "a_x0041_",
    ]


def test_merged_cells_fill_their_rows_but_no_second_answer() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 0, 2, "Exam 3")
        sheet.write_row(1, 0, ["question_id", "candidate", "answer"])
        sheet.merge_range(2, 0, 4, 0, "quantization")
        sheet.write_column(2, 1, ["a", "b"])
        sheet.merge_range(2, 2, 3, 2, "joint")
        sheet.merge_range(4, 1, 4, 2, "absent")

    table = _read(_write(fill))
    assert [row.values["question_id"] for row in table.rows] == ["quantization"] * 3
    assert _answers(table) == ["joint", None, None]
    assert _problems(table) == [
        (4, "the cell is merged with that of line 3: give each row its own answer."),
        (5, "the cell is merged with its neighbour: give each row its own answer."),
    ]


def test_cells_without_a_heading_come_back() -> None:
    table = _read(_sheet([["candidate", "answer"], ["c1", "INT8", "a note"], [None, None], ["c2", None]]))
    assert table.columns == ("candidate", "answer", "column 3")
    assert [(row.line, row.values["column 3"]) for row in table.rows] == [(2, "a note"), (4, None)]


# Sheets


def _fill_sheets(book: Any) -> None:
    for name, text in (("_old", "stale"), ("说明", None), ("Q1", "first"), ("Q2", "second")):
        sheet = book.add_worksheet(name)
        sheet.write_column(0, 0, ["answer", text] if text else ["read me"])
        if name == "_old":
            sheet.hide()
    book.get_worksheet_by_name("说明").activate()
    book.add_worksheet("empty")


def test_the_first_visible_sheet_with_answers_is_read_and_told() -> None:
    table = _read(_write(_fill_sheets))
    assert (table.sheet, _answers(table)) == ("Q1", ["first"])
    assert table.notices == (
        "Sheet 'Q1' was read (of several with answers), and not '说明', 'Q2', 'empty': name another with --sheet NAME.",
    )


@pytest.mark.parametrize(("sheet", "answer"), [("Q2", "second"), ("q2", "second"), ("3", "second"), ("_old", "stale")])
def test_a_sheet_is_named_or_numbered(sheet: str, answer: str) -> None:
    assert _answers(_read(_write(_fill_sheets), sheet=sheet)) == [answer]


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        ("Q9", "a.xlsx has no sheet 'Q9' (its sheets: '说明', 'Q1', 'Q2', 'empty'): name one of them with --sheet."),
        ("9", "has no sheet '9'"),
        ("empty", "has nothing in sheet 'empty': write a heading with 'answer'"),
    ],
)
def test_a_sheet_that_is_not_there_is_told(sheet: str, words: str) -> None:
    with pytest.raises(TableError) as error:
        _read(_write(_fill_sheets), sheet=sheet)
    assert words in str(error.value)


def test_a_missing_column_is_told_with_its_sheet() -> None:
    table = _read(_sheet([["Name", "Reply"], ["Ann", "INT8"]]))
    with pytest.raises(TableError, match=r"a.xlsx, sheet 'Sheet', has no column 'answer' \(its columns: Name, Reply\)"):
        require_fields("a.xlsx", table, ["answer"])


def test_an_empty_chart_sheet_is_passed_over() -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["answer"])
    book.worksheets[0].append(["INT8"])
    book.create_chartsheet("Chart", 0)
    file = io.BytesIO()
    book.save(file)
    assert _answers(_read(file.getvalue())) == ["INT8"]


# Other workbooks


def test_a_sheet_of_opendocument_is_read_and_its_faults_named() -> None:
    rows = (
        _ods_row(_ods_cell("candidate"), _ods_cell("answer")),
        _ods_row(_ods_cell("a"), _ods_cell("two</text:p><text:p>lines")),
        _ods_row(_ods_cell("b"), _ods_cell("#N/A", 'calcext:value-type="error"')),
        _ods_row(_ods_cell("c"), '<table:table-cell table:formula="of:=[.A1]"/>'),
        _ods_row(_ods_cell("d"), _ods_cell("joint", 'table:number-rows-spanned="2"')),
        _ods_row(_ods_cell("e"), "<table:covered-table-cell/>"),
        _ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeated=1_000_000),
    )
    table = _read(_ods("".join(rows)), "a.ods")
    assert [(row.line, row.values["answer"]) for row in table.rows][:1] == [(2, "two\nlines")]
    assert [line for line, _ in _problems(table)] == [3, 4, 6]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            _ods(_ods_row(_ods_cell("answer")) + _ods_row(_ods_cell("x") * 30, repeated=1_000_000)),
            "reaches to row 1,000,001",
        ),
        (b"PK\x03\x04 no archive", "is damaged, or no workbook: open it in Excel, save it as .xlsx"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "has a password"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "is not a workbook that can be read"),
        (b"answer\nINT8\n", "is not a workbook: open it in Excel and save it as .xlsx, or give it the ending .csv"),
    ],
)
def test_what_is_no_workbook_gets_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(TableError) as error:
        _read(data)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cell_far_away_does_not_fill_the_memory() -> None:
    book = openpyxl.Workbook()
    book.worksheets[0]["A1"], book.worksheets[0]["XFD1048576"] = "answer", "stray"
    file = io.BytesIO()
    book.save(file)
    with pytest.raises(TableError, match="reaches to row 1,048,576: copy the answers into a new sheet"):
        _read(file.getvalue())
