from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.cli.files.tables import write_table
from vivavoce.tables import Table, read_table

ROWS = [
    {"answer": "量化用更少的比特，\n所以更快。", "candidate": "甲", "n": 1},
    {"answer": '=SUM(A1) "quoted", with a comma', "candidate": "", "n": 2},
]
# What UTF-8 and databases can hold; XML, inside Excel's files, can hold less.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def _values(table: Table) -> list[dict[str, Any]]:
    return [dict(row.values) for row in table.rows]


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


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, ["answer"], ROWS)
    cell = openpyxl.load_workbook(path).worksheets[0]["A3"]
    assert (cell.data_type, cell.value) == ("s", ROWS[1]["answer"])


def test_characters_that_excel_cannot_hold_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_table(path, ["answer"], [{"answer": "bell \x07"}])
    assert read_table(path).rows[0].values["answer"] == "bell \ufffd"


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
