from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from vivavoce.cli.errors import UserError
from vivavoce.cli.tables import read_table, write_table

ROWS = [
    {"answer": "量化用更少的比特，\n所以更快。", "candidate": "甲", "n": 1},
    {"answer": '=SUM(A1) "quoted", with a comma', "candidate": "", "n": 2},
]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".xlsx"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_table(path, ["answer", "candidate", "n"], ROWS)
    table = read_table(path)
    assert table.columns == ("answer", "candidate", "n")
    assert [row.values["answer"] for row in table.rows] == [row["answer"] for row in ROWS]
    assert [str(row.values["n"]) for row in table.rows] == ["1", "2"]
    assert table.problems == ()


def test_text_that_looks_like_a_formula_stays_text_in_excel(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, ["answer"], ROWS)
    cell = openpyxl.load_workbook(path).worksheets[0]["A3"]
    assert (cell.data_type, cell.value) == ("s", ROWS[1]["answer"])


def test_characters_that_excel_cannot_hold_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, ["answer"], [{"answer": "bell \x07"}])
    assert read_table(path).rows[0].values["answer"] == "bell \ufffd"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_is_the_one_of_the_heading(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"candidate{mark}answer\nc{mark}text\n", encoding="utf-8")
    assert read_table(path).rows[0].values == {"candidate": "c", "answer": "text"}


def test_bad_rows_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"answer": "one"}\n{"answer": \n[1]\n\n{"answer": "two"}\n', encoding="utf-8")
    table = read_table(path)
    assert [(row.line, row.values["answer"]) for row in table.rows] == [(1, "one"), (5, "two")]
    assert [problem.line for problem in table.problems] == [2, 3]


def test_a_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("answer,candidate\nfine,c\nnot, fine, c\n", encoding="utf-8")
    table = read_table(path)
    assert len(table.rows) == 1
    assert "line 3, column candidate" in str(table.problems[0])


def test_long_answers_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"answer\n{'a' * 500_000}\n", encoding="utf-8")
    assert len(read_table(path).rows[0].values["answer"]) == 500_000


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "is empty"),
        ("a.xlsx", b"not a zip", "not an Excel workbook"),
        ("a.csv", "answer\n中文\n".encode("gb18030"), "not UTF-8 text (line 2"),
        ("a.txt", b"answer", "does not end in"),
        ("a.csv", b"answer,answer\n", "two columns named 'answer'"),
    ],
)
def test_files_that_cannot_be_read_get_one_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_table(path)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_directory_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a directory"):
        read_table(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "no.csv")
