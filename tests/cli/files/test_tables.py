from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.cli.errors import UserError
from vivavoce.cli.files import tables
from vivavoce.cli.files.tables import BadCell, Table, read_table, require_columns, write_table

ROWS = [
    {"answer": "量化用更少的比特，\n所以更快。", "candidate": "甲", "n": 1},
    {"answer": '=SUM(A1) "quoted", with a comma', "candidate": "", "n": 2},
]
# What UTF-8 can hold; XML, inside Excel's files, can hold less.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def _read(tmp_path: Path, name: str, content: str | bytes) -> Table:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return read_table(path)


def _values(table: Table) -> list[dict[str, Any]]:
    return [dict(row.values) for row in table.rows]


def _save_sheet(path: Path, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


# What is written is read


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".xlsx", ".CSV"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_table(path, ["answer", "candidate", "n"], ROWS)
    table = read_table(path)
    assert table.columns == ("answer", "candidate", "n")
    assert [row.values["answer"] for row in table.rows] == [row["answer"] for row in ROWS]
    assert [str(row.values["n"]) for row in table.rows] == ["1", "2"]
    assert table.problems == ()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_any_text_survives_a_file(
    tmp_path_factory: pytest.TempPathFactory, ending: str, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{ending}"
    # An id keeps rows of empty text apart from blank lines.
    records = [{"id": str(number), "answer": answer, "note": note} for number, (answer, note) in enumerate(rows)]
    write_table(path, ["id", "answer", "note"], [{"id": "heading", "answer": "-", "note": "-"}, *records])
    assert _values(read_table(path))[1:] == records


# CSV


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_is_the_one_of_the_heading(tmp_path: Path, mark: str) -> None:
    table = _read(tmp_path, "a.csv", f"candidate{mark}answer\nc{mark}text\n")
    assert _values(table) == [{"candidate": "c", "answer": "text"}]


def test_without_an_answer_column_commas_are_assumed(tmp_path: Path) -> None:
    assert _read(tmp_path, "a.csv", "text,candidate\nfine;x,c\n").columns == ("text", "candidate")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_line_ends_are_no_text(tmp_path: Path, end: str) -> None:
    content = end.join(["answer,candidate", "量化,甲", ""])
    table = _read(tmp_path, "a.csv", b"\xef\xbb\xbf" + content.encode("utf-8"))
    assert _values(table) == [{"answer": "量化", "candidate": "甲"}]


def test_headings_lose_blanks_and_empty_columns_at_the_end(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.csv", " answer , candidate,,\nfine,c\n")
    assert table.columns == ("answer", "candidate")


def test_short_rows_are_filled_and_blank_lines_skipped(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.csv", "answer,candidate\n\nfine\n,\n\n")
    assert [(row.line, dict(row.values)) for row in table.rows] == [
        (3, {"answer": "fine", "candidate": ""}),
        (4, {"answer": "", "candidate": ""}),
    ]


def test_a_record_over_several_lines_has_its_first(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.csv", 'answer,candidate\n"two\nlines",a\nnext,b\n')
    assert [(row.line, row.values["candidate"]) for row in table.rows] == [(2, "a"), (4, "b")]


def test_a_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.csv", "answer,candidate\nfine,c\nnot, fine, c\nfine too,d\n")
    assert [row.values["candidate"] for row in table.rows] == ["c", "d"]
    (problem,) = table.problems
    assert str(problem).startswith("line 3, column candidate: the row has 3 cells and the heading 2")


def test_rows_before_a_broken_one_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_LARGEST_CELL", 20)
    table = _read(tmp_path, "a.csv", f"answer,candidate\nfine,c\n{'a' * 30},d\n")
    assert len(table.rows) == 1
    assert str(table.problems[0]).startswith("line 3, column ?: the file is not CSV from here on")


def test_long_answers_fit(tmp_path: Path) -> None:
    assert len(_read(tmp_path, "a.csv", f"answer\n{'a' * 500_000}\n").rows[0].values["answer"]) == 500_000


# JSON lines


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.jsonl", '{"answer": "one"}\n{"answer": \n[1]\n\n{"answer": "two"}\n"text"\n')
    assert [(row.line, row.values["answer"]) for row in table.rows] == [(1, "one"), (5, "two")]
    assert [problem.line for problem in table.problems] == [2, 3, 6]
    assert "the line is not JSON (" in table.problems[0].problem
    assert table.problems[1].problem == "the line is not a JSON object: write one per line, with 'answer'."


def test_columns_of_all_lines_come_in_their_order(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.jsonl", '{"b": 1, "answer": "x"}\r\n{"answer": "y", "a": null}\r\n')
    assert table.columns == ("b", "answer", "a")
    assert _values(table) == [{"b": 1, "answer": "x"}, {"answer": "y", "a": None}]


def test_a_line_separator_inside_text_ends_no_line(tmp_path: Path) -> None:
    table = _read(tmp_path, "a.jsonl", json.dumps({"answer": "one\u2028two\x85three"}, ensure_ascii=False))
    assert _values(table) == [{"answer": "one\u2028two\x85three"}]


# Excel


def test_blank_rows_of_a_sheet_are_skipped_but_counted(tmp_path: Path) -> None:
    path = _save_sheet(tmp_path / "a.xlsx", ["answer", "n", None], ["fine", 1.5], [None, None], ["more", None])
    table = read_table(path)
    assert table.columns == ("answer", "n")
    assert [(row.line, dict(row.values)) for row in table.rows] == [
        (2, {"answer": "fine", "n": 1.5}),
        (4, {"answer": "more", "n": None}),
    ]


def test_only_the_first_sheet_is_read(tmp_path: Path) -> None:
    path = _save_sheet(tmp_path / "a.xlsx", ["answer"], ["fine"])
    book = openpyxl.load_workbook(path)
    book.create_sheet("notes").append(["text"])
    book.save(path)
    assert read_table(path).columns == ("answer",)


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, ["answer"], ROWS)
    cell = openpyxl.load_workbook(path).worksheets[0]["A3"]
    assert (cell.data_type, cell.value) == ("s", ROWS[1]["answer"])


def test_characters_that_excel_cannot_hold_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, ["answer"], [{"answer": "bell \x07"}])
    assert read_table(path).rows[0].values["answer"] == "bell \ufffd"


def test_a_workbook_without_permission_is_no_bad_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save_sheet(tmp_path / "a.xlsx", ["answer"])

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(openpyxl, "load_workbook", refuse)
    with pytest.raises(UserError, match="cannot be read: check its permissions"):
        read_table(path)


# Files and columns that are refused


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty: write a heading with 'answer'"),
        ("a.jsonl", b"", "is empty"),
        ("a.xlsx", b"not a zip", "not an Excel workbook (BadZipFile)"),
        ("a.csv", "answer\n中文\n".encode("gb18030"), "not UTF-8 text (line 2, byte 8)"),
        ("a.jsonl", b'{"answer": "\xff"}', "not UTF-8 text (line 1, byte 13)"),
        ("a.txt", b"answer", "does not end in .csv, .jsonl or .xlsx"),
        ("answers", b"answer", "does not end in"),
        ("a.csv", b"answer,answer\n", "two columns named 'answer'"),
        ("a.csv", b"answer,note, note \n", "two columns named 'note'"),
    ],
)
def test_files_that_cannot_be_read_get_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(UserError) as error:
        _read(tmp_path, name, content)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sheet_without_rows_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty: write a heading with 'answer' into its first sheet"):
        read_table(_save_sheet(tmp_path / "a.xlsx"))


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "no.csv")


def test_a_missing_column_is_named_beside_those_present() -> None:
    table = Table(("text", "note"), (), ())
    require_columns(Path("a.csv"), table, ["note"])
    with pytest.raises(UserError, match=r"a.csv has no column 'answer' \(its columns: text, note\): add it, or"):
        require_columns(Path("a.csv"), table, ["note", "answer", "question_id"])


@pytest.mark.parametrize(("count", "shown"), [(0, "none"), (12, "c0, .*, c11"), (13, "c0, .*, c11")])
def test_a_wide_table_names_its_first_columns(count: int, shown: str) -> None:
    table = Table(tuple(f"c{number}" for number in range(count)), (), ())
    with pytest.raises(UserError, match=rf"\(its columns: {shown}\)"):
        require_columns(Path("a.csv"), table, ["answer"])


def test_a_bad_cell_names_its_place() -> None:
    assert str(BadCell(7, "answer", "it is empty.")) == "line 7, column answer: it is empty."


# Writing


def test_lists_and_objects_become_json_in_cells(tmp_path: Path) -> None:
    row = {"answer": "fine", "tags": ["甲", 1], "extra": {"a": None}, "when": Path("x"), "flag": True, "none": None}
    for ending in (".csv", ".xlsx"):
        write_table(tmp_path / f"a{ending}", list(row), [row])
        (values,) = _values(read_table(tmp_path / f"a{ending}"))
        assert (values["tags"], values["extra"], values["when"]) == ('["甲", 1]', '{"a": null}', "x")
        assert (str(values["flag"]), values.get("none") or "") == ("True", "")


def test_json_lines_keep_everything_in_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_table(path, ["answer"], [{"answer": "fine", "report": {"score": 7.5, "flags": []}}])
    assert json.loads(path.read_text(encoding="utf-8")) == {"answer": "fine", "report": {"score": 7.5, "flags": []}}


def test_columns_not_named_and_cells_not_there_are_left_out(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", ["answer", "n"], [{"answer": "fine", "secret": "x"}])
    assert (tmp_path / "a.csv").read_bytes() == b"\xef\xbb\xbfanswer,n\r\nfine,\r\n"


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".xlsx"])
def test_folders_are_created_and_no_part_is_left(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / "folder" / f"a{ending}"
    write_table(path, ["answer"], ROWS)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_table(path, ["answer"], [{"answer": "first"}])
    with pytest.raises(TypeError):
        write_table(path, ["answer"], [{"answer": "second"}, {"answer": object()}])
    assert _values(read_table(path)) == [{"answer": "first"}]
