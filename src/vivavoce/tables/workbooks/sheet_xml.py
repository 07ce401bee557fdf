"""Looks into the XML of an Excel sheet for what python-calamine does not tell: formulas, error values, sizes.

A small file can unfold into one that fills the memory, so sizes are checked before a sheet is loaded.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from ..model import Sentence, TableError

_MOST_BYTES = 600 * 1024 * 1024
# python-calamine keeps every cell of the rectangle, empty ones too.
_MOST_CELLS = 20_000_000
_CELL_NAME = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TOO_LARGE = "is too large when it is unpacked: save the sheet with the answers alone, or as CSV"


@dataclass(frozen=True)
class SpecialCell:
    """A cell without a value of its own: its row and column from 0, its formula that has none, or its error."""

    row: int
    column: int
    formula: str | None
    error: str | None


def check_archive(data: bytes) -> zipfile.ZipFile:
    """The archive that a workbook is; raises TableError if it is damaged, locked or too large when unpacked."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
            raise TableError(Sentence(f"{_TOO_LARGE}.", "too_large_unpacked"))
        # Reading to the end finds sizes that are not true.
        damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        damaged = "file"
    if damaged:
        text = "is damaged, or no workbook: open it in Excel, save it as .xlsx and run again."
        raise TableError(Sentence(text, "damaged_workbook"))
    return archive


def find_special_cells(archive: zipfile.ZipFile, sheet: str) -> Iterator[SpecialCell]:
    """The cells of a sheet with an error value, or a formula without a value.

    Raises TableError for a sheet that is too large.
    """
    member = _find_member(archive, sheet)
    if member is None:
        text = f"has a sheet '{sheet}' that is not where it should be: save it as .xlsx in Excel, run again."
        raise TableError(Sentence(text, "damaged_workbook"))
    last_column = 0
    row = column = -1
    with archive.open(member) as file:
        for event, element in ElementTree.iterparse(file, events=("start", "end")):
            tag = local_name(element)
            if event == "start":
                # References may be left out: then cells follow each other.
                if tag == "row":
                    row, column = int(element.get("r") or row + 2) - 1, -1
                elif tag == "c":
                    row, column = _parse_reference(element.get("r"), row, column + 1)
            elif tag == "c" and len(element):
                last_column = max(last_column, column)
                check_reach(sheet, row, last_column)
                if special := _describe_cell(element, row, column):
                    yield special
            elif tag == "row":
                element.clear()


def check_reach(sheet: str, last_row: int, last_column: int) -> None:
    """Raises TableError if the rectangle up to a row and a column, from 0, is too large to be read."""
    if (last_row + 1) * (last_column + 1) > _MOST_CELLS:
        text = f"has a sheet '{sheet}' that reaches to row {last_row + 1:,}: copy the answers into a new sheet."
        raise TableError(Sentence(text, "sheet_too_large", name=sheet, row=last_row + 1))


def _describe_cell(element: ElementTree.Element, row: int, column: int) -> SpecialCell | None:
    parts = {local_name(part): part.text or "" for part in element}
    kind, value = element.get("t", "n"), parts.get("v", "").strip()
    if kind == "e":
        return SpecialCell(row, column, None, value or "#N/A")
    # XlsxWriter stores 0 where a formula was never computed.
    is_uncomputed = kind != "str" and value in ("", "0")
    return SpecialCell(row, column, parts["f"], None) if "f" in parts and is_uncomputed else None


def _find_member(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The name of the sheet's file in the archive."""
    relations = _parse_part(archive, "xl/_rels/workbook.xml.rels")
    targets = {item.get("Id"): item.get("Target", "") for item in relations.iter()} if relations is not None else {}
    book = _parse_part(archive, "xl/workbook.xml")
    for item in book.iter() if book is not None else ():
        if local_name(item) == "sheet" and item.get("name") == sheet:
            target = targets.get(item.get(_RELATION), "")
            name = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            return name if name in archive.namelist() else None
    return None


def _parse_part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element | None:
    return ElementTree.fromstring(archive.read(name)) if name in archive.namelist() else None


def _parse_reference(reference: str | None, row: int, column: int) -> tuple[int, int]:
    if reference is None or not (match := _CELL_NAME.fullmatch(reference)):
        return row, column
    number = 0
    for letter in match[1]:
        number = 26 * number + ord(letter) - ord("A") + 1
    return int(match[2]) - 1, number - 1


def local_name(element: ElementTree.Element) -> str:
    """The element's name without its namespace, which differs between strict and usual workbooks."""
    return element.tag.rpartition("}")[2]
