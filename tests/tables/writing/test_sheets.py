"""Workbooks of many rows, read back by two libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from vivavoce.tables.writing import Sheet, write_sheets, write_table

HARD_TEXTS = (
    "123456789012345678",
    "000123",
    "=1+1",
    "<r>x</r>",
    '<r></is></c><c r="B1" t="str"><v>injected</v></c></r>',
    "<r><t>a</t></r>",
    " spaces ",
    "汉字 & <b>",
)


def read_both(path: Path) -> tuple[list[list[Any]], list[list[Any]]]:
    """The rows of the first sheet, as openpyxl and as calamine read them."""
    with_openpyxl = [list(row) for row in load_workbook(path).worksheets[0].iter_rows(values_only=True)]
    return with_openpyxl, CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()


@pytest.mark.parametrize("longest", [1, 40_000])
def test_texts_come_back_as_they_were(tmp_path: Path, longest: int) -> None:
    rows = [[text, 1.5] for text in (*HARD_TEXTS, "x" * longest)]
    write_sheets(tmp_path / "a.xlsx", [Sheet("a", ["text", "number"], iter(rows), frozenset({0}))])
    for found in read_both(tmp_path / "a.xlsx"):
        assert [row[0] for row in found[1 : len(HARD_TEXTS) + 1]] == list(HARD_TEXTS)
        assert {row[-1] for row in found[1:]} == {1.5}


def test_a_table_keeps_texts_that_look_like_xml(tmp_path: Path) -> None:
    write_table(tmp_path / "a.xlsx", ["text"], [{"text": text} for text in HARD_TEXTS])
    for found in read_both(tmp_path / "a.xlsx"):
        assert [row[0] for row in found[1:]] == list(HARD_TEXTS)


def test_a_sheet_without_rows_has_its_headings(tmp_path: Path) -> None:
    write_sheets(tmp_path / "a.xlsx", [Sheet("a", ["text"], []), Sheet("b", ["other"], [["x"]])])
    assert load_workbook(tmp_path / "a.xlsx")["a"]["A1"].value == "text"
    assert load_workbook(tmp_path / "a.xlsx")["b"]["A2"].value == "x"


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_sheets(tmp_path / name, [Sheet("a", ["text"], [[text] for text in HARD_TEXTS])])
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
