from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from vivavoce.tables import BadCell, Table, TableError, read_table, require_fields
from vivavoce.tables.reading import read_bytes


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.tab", "a.txt", "a.TXT", "a.xls", "a.csv.gz"])
def test_text_is_read_under_every_ending(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = b"candidate\tanswer\nc1\tINT8, fewer bits\n"
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    table = read_table(path)
    assert [dict(row.values) for row in table.rows] == [{"candidate": "c1", "answer": "INT8, fewer bits"}]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty: write a heading with 'answer'"),
        ("a.jsonl", b" \n", "is empty"),
        ("a.pdf", b"answer", "does not end in .csv, .tsv, .txt, .json, .jsonl, .xlsx, .xls or .ods"),
        ("answers", b"answer", "does not end in"),
        ("a.csv", b"%PDF-1.4", "is a PDF, and no table"),
        ("a.xls", b"<html><table>", "is a web page, and no table: open it in Excel and save it as .xlsx."),
        ("a.csv.gz", b"\x1f\x8bnot packed", "is no .gz file that can be unpacked"),
    ],
)
def test_files_that_cannot_be_read_get_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TableError) as error:
        read_table(path)
    assert f"{path} " in str(error.value)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(TableError, match="does not exist"):
        read_table(tmp_path / "no.csv")


@pytest.mark.parametrize(("count", "shown"), [(0, "none"), (12, "c0, .*, c11"), (13, "c0, .*, c11, …")])
def test_a_wide_table_names_its_first_columns(count: int, shown: str) -> None:
    table = Table(tuple(f"c{number}" for number in range(count)), (), ())
    with pytest.raises(TableError, match=rf"\(its columns: {shown}\)"):
        require_fields("a.csv", table, ["answer"])


def test_a_question_can_be_given_for_all_rows() -> None:
    with pytest.raises(TableError, match="--question-column NAME, or one question for all rows with --question"):
        require_fields("a.csv", read_bytes(b"answer\nx\n", name="a.csv"), ["answer", "question_id"])


def test_a_bad_cell_names_its_place() -> None:
    assert str(BadCell(7, "answer", "it is empty.")) == "line 7, column answer: it is empty."
