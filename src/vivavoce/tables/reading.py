"""Reads the table in a file, by what the file holds and then by the ending of its name."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .decoding import decode_text
from .delimited import read_delimited
from .heading_rows import FindQuestion, find_no_question
from .headings import find_columns, require_columns
from .json_records import read_json
from .model import Sentence, Table, TableError
from .workbooks.workbook import read_workbook

JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt")
WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
_READABLE = ".csv, .tsv, .txt, .json, .jsonl, .xlsx, .xls or .ods"
_MOST_BYTES = 600 * 1024 * 1024
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_OTHERS = (
    (b"%pdf", "is a PDF"),
    (b"<!doctype", "is a web page"),
    (b"<html", "is a web page"),
    (b"<table", "is a web page"),
    (b"<?xml", "is XML"),
    (b"{\\rtf", "is a text document"),
)


def read_table(
    path: Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    columns: Mapping[str, str] | None = None,
    find_question: FindQuestion = find_no_question,
) -> Table:
    """The table in a file; raises TableError when the whole file cannot be read.

    `columns` names the headings of fields, where the headings do not say it themselves. `sheet` is a name or a number.
    `find_question` tells which texts are questions, so that the headings of a column for each question are found.
    """
    if path.is_dir():
        raise TableError(f"{path} is a folder: name a file that ends in {_READABLE}.")
    if not path.exists():
        raise TableError(f"{path} does not exist: check the path.")
    try:
        data = path.read_bytes()
    except OSError:
        raise TableError(f"{path} cannot be read: check its permissions.") from None
    return read_bytes(
        data, name=str(path), encoding=encoding, sheet=sheet, columns=columns, find_question=find_question
    )


def read_bytes(
    data: bytes,
    *,
    name: str,
    encoding: str | None = None,
    sheet: str | None = None,
    columns: Mapping[str, str] | None = None,
    find_question: FindQuestion = find_no_question,
) -> Table:
    """The table in the bytes of a file with a name; raises TableError like `read_table`."""
    ending = Path(name).suffix.lower()
    chosen = {field: heading for field, heading in (columns or {}).items() if heading}
    try:
        if ending == ".gz":
            data, ending = _unpack(data), Path(Path(name).stem).suffix.lower()
        if ending not in (*JSON_ENDINGS, *TEXT_ENDINGS, *WORKBOOK_ENDINGS):
            text = f"does not end in {_READABLE}: save the answers as one of them."
            raise TableError(Sentence(text, "unsupported_format"))
        table = _read_content(data, ending, encoding, sheet, chosen, find_question)
    except TableError as error:
        raise error.with_name(name) from None
    _check_chosen(name, table, chosen)
    return table


def require_fields(path: Path | str, table: Table, fields: Sequence[str]) -> None:
    """Raises TableError when the table lacks the column of a field, or has several for it."""
    place = f"{path}, sheet '{table.sheet}'," if table.sheet else str(path)
    # A field that was found needs no second look.
    require_columns(place, table.headings or table.columns, [field for field in fields if field not in table.fields])


def _read_content(
    data: bytes,
    ending: str,
    encoding: str | None,
    sheet: str | None,
    chosen: Mapping[str, str],
    find_question: FindQuestion,
) -> Table:
    if not data.strip():
        raise TableError(Sentence("is empty: write a heading with 'answer' and one row per answer.", "empty_file"))
    if data.startswith(_WORKBOOKS):
        return read_workbook(data, sheet=sheet, chosen=chosen, find_question=find_question)
    start = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if kind := next((kind for mark, kind in _OTHERS if start.startswith(mark)), None):
        raise TableError(Sentence(f"{kind}, and no table: open it in Excel and save it as .xlsx.", "no_table"))
    # Many programs write text under the name of a workbook.
    if ending in (".xlsx", ".xlsm", ".ods"):
        text = "is not a workbook: open it in Excel and save it as .xlsx, or give it the ending .csv."
        raise TableError(Sentence(text, "no_workbook"))
    text, notice = decode_text(data, encoding=encoding)
    is_json = ending in JSON_ENDINGS or (ending == ".txt" and text.lstrip().startswith(("{", "[")))
    if is_json:
        table = read_json(text, chosen=chosen)
    else:
        table = read_delimited(text, ending=ending, chosen=chosen, find_question=find_question)
    return replace(table, notices=(notice, *table.notices)) if notice else table


def _unpack(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        text = "is no .gz file that can be unpacked: unpack it yourself, or export it again."
        raise TableError(Sentence(text, "unsupported_format")) from None
    if len(content) > _MOST_BYTES:
        raise TableError(Sentence("is too large when it is unpacked: split it.", "too_large_unpacked"))
    return content


def _check_chosen(name: str, table: Table, chosen: Mapping[str, str]) -> None:
    """Raises TableError when a column that the user named is not there."""
    headings = table.headings or table.columns
    missing = [field for field in chosen if field not in find_columns(headings, chosen)]
    place = f"{name}, sheet '{table.sheet}'," if table.sheet else name
    require_columns(place, headings, missing, chosen)
