"""Looks into the XML of OpenDocument sheets for what python-calamine does not tell: errors, formulas, merged cells."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree

from .sheet_xml import SpecialCell, check_reach, local_name

MergedRange = tuple[tuple[int, int], tuple[int, int]]


@dataclass
class OdsSheet:
    """The special cells of a sheet and its merged ranges, from row and column 0."""

    specials: list[SpecialCell] = field(default_factory=list)
    merged: list[MergedRange] = field(default_factory=list)
    last_column: int = 0


def read_ods(archive: zipfile.ZipFile) -> dict[str, OdsSheet]:
    """What is special in each sheet: errors, formulas without value, merged cells.

    Raises TableError for a sheet that is too large.
    """
    sheets: dict[str, OdsSheet] = {}
    name, row = "", 0
    with archive.open("content.xml") as file:
        for event, element in ElementTree.iterparse(file, events=("start", "end")):
            kind = local_name(element)
            if kind == "table" and event == "start":
                name, row = _read(element, "name") or "", 0
                sheets[name] = OdsSheet()
            elif kind == "table-row" and event == "end" and name in sheets:
                repeated = _count(element, "number-rows-repeated")
                _read_row(sheets[name], name, element, row, repeated)
                row += repeated
                element.clear()
    return sheets


def _read_row(sheet: OdsSheet, name: str, element: ElementTree.Element, row: int, repeated: int) -> None:
    column = 0
    for cell in element:
        if local_name(cell) not in ("table-cell", "covered-table-cell"):
            continue
        columns = _count(cell, "number-columns-repeated")
        if len(cell):
            sheet.last_column = max(sheet.last_column, column + columns - 1)
            check_reach(name, row + repeated - 1, sheet.last_column)
        last_row = row + _count(cell, "number-rows-spanned") - 1
        last_column = column + _count(cell, "number-columns-spanned") - 1
        if (last_row, last_column) != (row, column):
            sheet.merged.append(((row, column), (last_row, last_column)))
        if special := _describe_cell(cell, row, column):
            # Equal rows are written once.
            sheet.specials += [replace(special, row=row + number) for number in range(repeated)]
        column += columns


def _describe_cell(cell: ElementTree.Element, row: int, column: int) -> SpecialCell | None:
    text = "".join(cell.itertext()).strip()
    if _read(cell, "value-type", space="calcext") == "error":
        return SpecialCell(row, column, None, text or "#N/A")
    formula = _read(cell, "formula")
    if formula is not None and not text and _read(cell, "value-type", space="office") is None:
        return SpecialCell(row, column, formula.partition("=")[2], None)
    return None


def _count(element: ElementTree.Element, attribute: str) -> int:
    text = _read(element, attribute) or "1"
    return int(text) if text.isdecimal() else 1


def _read(element: ElementTree.Element, attribute: str, *, space: str = "table") -> str | None:
    """An attribute by its name and the usual prefix of its namespace."""
    ends = {"table": ":table:1.0}", "office": ":office:1.0}", "calcext": ":calcext:1.0}"}
    return next((value for key, value in element.items() if key.endswith(f"{ends[space]}{attribute}")), None)
