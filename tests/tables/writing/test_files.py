from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from vivavoce.tables import TableError
from vivavoce.tables.writing import WRITABLE, write_table

ROWS = [
    {"answer": "量化用更少的比特，\n所以更快。", "candidate": "甲", "n": 1},
    {"answer": '"quoted", with a comma; and more', "candidate": "", "n": 2.5},
]
COLUMNS = ["answer", "candidate", "n"]


def _read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".json":
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return rows
    if path.suffix == ".xlsx":
        heading, *lines = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        return [dict(zip(heading, line, strict=True)) for line in lines]
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("ending", WRITABLE)
def test_every_cell_comes_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    assert write_table(path, COLUMNS, ROWS) == []
    read = _read(path)
    assert [row["answer"] for row in read] == [row["answer"] for row in ROWS]
    assert [row["candidate"] for row in read] == ["甲", ""]
    assert [float(row["n"]) for row in read] == [1, 2.5]


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_formulas_get_an_apostrophe_and_a_sentence(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    rows = [{"answer": "=1+1", "=cmd": "@x", "n": -3.5}, {"answer": "- INT8", "=cmd": "fine", "n": "-3.5"}]
    notices = write_table(path, ["answer", "=cmd", "n"], rows)
    assert _read(path) == [
        {"answer": "'=1+1", "'=cmd": "'@x", "n": "-3.5"},
        {"answer": "'- INT8", "'=cmd": "fine", "n": "-3.5"},
    ]
    (notice,) = notices
    assert notice.startswith("4 cells begin like formulas")
    assert "--keep-formulas" in notice
    assert write_table(path, ["answer", "=cmd", "n"], rows, keep_formulas=True) == []
    assert _read(path)[0] == {"answer": "=1+1", "=cmd": "@x", "n": "-3.5"}


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".xlsx"])
def test_other_formats_need_no_apostrophe(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    assert write_table(path, ["answer"], [{"answer": "=1+1"}, {"answer": "https://x.invalid"}]) == []
    assert [row["answer"] for row in _read(path)] == ["=1+1", "https://x.invalid"]
    if ending == ".xlsx":
        assert {cell.data_type for (cell,) in openpyxl.load_workbook(path).worksheets[0]} == {"s"}


def test_a_cell_too_long_for_excel_goes_on_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    # Characters outside the first plane count twice in Excel.
    texts = ["x" * 40_000, "😀" * 20_000, "y" * 70_000, "short", "z" * 32_767]
    notices = write_table(path, ["a", "note", "b"], [{"a": 1, "note": text, "b": 2} for text in texts])
    rows = _read(path)
    assert list(rows[0]) == ["a", "note", "note (continued)", "note (continued 2)", "b"]
    assert ["".join(str(row[name]) for name in list(row)[1:4]) for row in rows] == texts
    assert all(len(value.encode("utf-16-le")) // 2 <= 32_767 for row in rows for value in map(str, row.values()))
    (notice,) = notices
    assert notice.startswith("column 'note', rows 2, 3, 4: a cell of Excel holds 32,767 characters")
    assert "'note (continued)'" in notice


def test_dates_stay_dates_in_excel_and_are_iso_text_elsewhere(tmp_path: Path) -> None:
    row = {"at": datetime(2024, 5, 6, 7, 8, 9), "on": date(2024, 5, 6), "old": date(1776, 7, 4)}
    row |= {"zone": datetime(2024, 5, 6, tzinfo=UTC)}
    for ending in (".jsonl", ".csv"):
        write_table(tmp_path / f"a{ending}", list(row), [row])
        assert _read(tmp_path / f"a{ending}")[0] == {
            "at": "2024-05-06T07:08:09",
            "on": "2024-05-06",
            "old": "1776-07-04",
            "zone": "2024-05-06T00:00:00+00:00",
        }
    write_table(tmp_path / "a.xlsx", list(row), [row])
    read = _read(tmp_path / "a.xlsx")[0]
    assert (read["at"], read["on"]) == (row["at"], row["on"])
    assert (read["old"], read["zone"]) == ("1776-07-04", "2024-05-06T00:00:00+00:00")


@pytest.mark.parametrize("ending", WRITABLE)
def test_half_characters_are_no_traceback(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    notices = write_table(path, ["note", "b"], [{"note": "fine", "b": ""}, {"note": "half \ud800.", "b": "\udc80"}])
    if ending in (".json", ".jsonl"):
        assert notices == []
        assert _read(path)[1] == {"note": "half \ud800.", "b": "\udc80"}
    else:
        assert _read(path)[1] == {"note": "half ?.", "b": "?"}
        assert [notice.partition(":")[0] for notice in notices] == ["column 'note', row 3", "column 'b', row 3"]


@pytest.mark.parametrize("ending", WRITABLE)
def test_numbers_that_are_none_are_text(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_table(path, ["a", "b", "c"], [{"a": float("nan"), "b": float("-inf"), "c": [float("nan")]}])
    (row,) = _read(path)
    assert row["a"] == "nan"
    assert row["b"] in ("-inf", "'-inf")
    assert row["c"] in (["nan"], '["nan"]')


def test_long_numbers_keep_their_digits_in_excel(tmp_path: Path) -> None:
    write_table(tmp_path / "a.xlsx", ["id"], [{"id": 123456789012345678}, {"id": True}, {"id": 0}])
    assert [row["id"] for row in _read(tmp_path / "a.xlsx")] == ["123456789012345678", True, 0]


@settings(max_examples=40)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), min_size=1, max_size=4)
)
def test_excel_gives_back_every_text(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("texts") / "a.xlsx"
    write_table(path, ["id", "text"], [{"id": "x", "text": text} for text in texts])
    read = [cell.value for _, cell in openpyxl.load_workbook(path).worksheets[0].iter_rows(min_row=2)]
    assert [openpyxl.utils.escape.unescape(value) for value in read] == texts


def test_a_folder_that_refuses_writing_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(TableError, match=r"a.csv cannot be written \(.+\): close it elsewhere, or name another file."):
        write_table(tmp_path / "a.csv", ["answer"], ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_sheet_with_too_many_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"A sheet holds 1,048,576 rows and 16,384 columns: write a .csv instead."):
        write_table(tmp_path / "a.xlsx", [str(n) for n in range(16_385)], [])
