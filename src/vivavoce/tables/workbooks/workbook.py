"""Reads sheets of Excel and OpenDocument: the visible one with answers, its dates as text, its faults by line."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from enum import IntEnum
from xml.etree import ElementTree

import python_calamine as calamine

from ..grid import Grid, build_table
from ..heading_rows import FindQuestion, count_filled, find_no_question
from ..headings import find_columns, is_blank, strip_invisible
from ..model import Sentence, Table, TableError
from .ods_xml import OdsSheet, read_ods
from .sheet_cells import make_grid
from .sheet_xml import check_archive, find_special_cells

_HAS_PASSWORD = "has a password: open it in Excel and save it without one."
_LOCKED = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"


class _Rank(IntEnum):
    """How likely a sheet has the answers, the likeliest first: in a table, in a list, none yet, or another table."""

    ANSWERS, LIST, EMPTY, TABLE, OTHER = range(5)


def read_workbook(
    data: bytes, *, sheet: str | None, chosen: Mapping[str, str], find_question: FindQuestion = find_no_question
) -> Table:
    """The table in the first visible sheet with answers, else in the one most like a table, or in the one named.

    Raises TableError with the end of a sentence that begins with the name of the file.
    """
    archive = _open_archive(data)
    try:
        # OpenDocument is unfolded when it is opened, so its size is checked before.
        ods = read_ods(archive) if archive and "content.xml" in archive.namelist() else {}
        book = _open_book(data)
        visible = _list_visible(book)
        names = [_find_sheet(sheet, visible, book.sheet_names)] if sheet else visible
        read = {name: _read_sheet(book, archive, ods.get(name), name, chosen, find_question) for name in names}
    except ElementTree.ParseError:
        text = "has a damaged sheet: open it in Excel, save it as .xlsx and run again."
        raise TableError(Sentence(text, "damaged_workbook")) from None
    sheets = {name: grid for name, grid in read.items() if grid is not None}
    if not sheets:
        where = f"has nothing in sheet '{names[0]}'" if sheet else "is empty"
        text = f"{where}: write a heading with 'answer' and one row per answer into a visible sheet."
        raise TableError(Sentence(text, "empty_file"))
    ranks = {name: _rank_sheet(grid, chosen, find_question) for name, grid in sheets.items()}
    name = min(ranks, key=lambda name: ranks[name])
    if others := [other for other in visible if other != name]:
        with_answers = sum(rank == ranks[name] <= _Rank.LIST for rank in ranks.values())
        sheets[name].notices.insert(0, _describe_sheets(name, others, with_answers))
    return build_table(sheets[name], chosen, find_question)


def _rank_sheet(grid: Grid, chosen: Mapping[str, str], find_question: FindQuestion) -> _Rank:
    has_rows = any(not is_blank(cell) for _, cells in grid.rows for cell in cells)
    width = count_filled(grid.headings)
    # A cover can have "Answers" for a title.
    has_answer = "answer" in find_columns(grid.headings, chosen)
    has_questions = width > 1 and any(map(find_question, _list_all_headings(grid)))
    if has_questions or (has_answer and width > 1):
        return _Rank.ANSWERS if has_rows else _Rank.EMPTY
    if has_answer:
        return _Rank.LIST if has_rows else _Rank.EMPTY
    return _Rank.TABLE if width > 1 and has_rows else _Rank.OTHER


def _list_all_headings(grid: Grid) -> list[str]:
    """The headings, and the cells right below, which can be headings, too."""
    return [*grid.headings, *(str(cell) for _, cells in grid.rows[:1] for cell in cells if not is_blank(cell))]


def _open_archive(data: bytes) -> zipfile.ZipFile | None:
    """The archive of a new workbook, None for one of Excel 97."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        if _LOCKED in data:
            raise TableError(Sentence(_HAS_PASSWORD, "locked_workbook"))
        return None
    archive = check_archive(data)
    if "xl/workbook.bin" in archive.namelist():
        text = "is a binary workbook (.xlsb): open it in Excel and save it as .xlsx."
        raise TableError(Sentence(text, "unsupported_format"))
    return archive


def _open_book(data: bytes) -> calamine.CalamineWorkbook:
    try:
        return calamine.load_workbook(io.BytesIO(data))
    except calamine.PasswordError:
        raise TableError(Sentence(_HAS_PASSWORD, "locked_workbook")) from None
    except calamine.CalamineError:
        text = "is not a workbook that can be read: open it in Excel and save it as .xlsx."
        raise TableError(Sentence(text, "damaged_workbook")) from None


def _list_visible(book: calamine.CalamineWorkbook) -> list[str]:
    """The sheets that a user sees, without those that hold a chart alone."""
    is_shown, is_sheet = calamine.SheetVisibleEnum.Visible, calamine.SheetTypeEnum.WorkSheet
    return [item.name for item in book.sheets_metadata if item.visible == is_shown and item.typ == is_sheet]


def _find_sheet(wanted: str, visible: Sequence[str], all_names: Sequence[str]) -> str:
    """The sheet of a name, hidden or not, or of a number among the visible ones, from 1."""
    for name in all_names:
        if name == wanted or strip_invisible(name).casefold() == strip_invisible(wanted).casefold():
            return name
    if wanted.strip().isdecimal() and 1 <= int(wanted) <= len(visible):
        return visible[int(wanted) - 1]
    named = ", ".join(f"'{name}'" for name in visible) or "none"
    text = f"has no sheet '{wanted}' (its sheets: {named}): name one of them with --sheet."
    raise TableError(Sentence(text, "unknown_sheet", name=wanted, sheets=named))


def _describe_sheets(name: str, others: Sequence[str], with_answers: int) -> str:
    named = ", ".join(f"'{other}'" for other in others)
    also = " (of several with answers)" if with_answers > 1 else ""
    text = f"Sheet '{name}' was read{also}, and not {named}: name another with --sheet NAME."
    return Sentence(text, "one_sheet_read", name=name, others=named)


def _read_sheet(
    book: calamine.CalamineWorkbook,
    archive: zipfile.ZipFile | None,
    ods: OdsSheet | None,
    name: str,
    chosen: Mapping[str, str],
    find_question: FindQuestion,
) -> Grid | None:
    """The sheet's headings and rows; None without any cell. `ods` is what was found in an OpenDocument sheet."""
    # Also checks that the sheet is not too large to load.
    specials = ods.specials if ods else list(find_special_cells(archive, name)) if archive else []
    try:
        sheet = book.get_sheet_by_name(name)
        cells = sheet.to_python(skip_empty_area=False)
        merged = ods.merged if ods else sheet.merged_cell_ranges or []
    except calamine.CalamineError:
        # A chart without content has no cells.
        return None
    return make_grid(name, cells, specials, merged, chosen=chosen, find_question=find_question, is_old=archive is None)
