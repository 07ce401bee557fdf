"""Refuses files that would take too long to read, by what they declare and by a count of their lines."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from vivavoce.tables import JSON_ENDINGS, Sentence, TableError

# What a workbook may have when it is unpacked; ten times what 100,000 long answers need.
_MOST_UNPACKED_BYTES = 250 * 1024 * 1024
_ENDINGS = (*JSON_ENDINGS, ".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xls", ".ods")
_QUOTED = re.compile(rb'"[^"]*"')
_ROW = re.compile(rb"<(?:\w+:)?row[\s>]")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_CHUNK_BYTES = 1 << 20


def check_size(data: bytes, name: str, *, most_rows: int) -> None:
    """Raises TableError for a file of another kind, one that is too large when unpacked, or with too many rows."""
    ending = Path(name).suffix.lower()
    if ending not in _ENDINGS:
        raise TableError(Sentence(f"{name} is of a kind that is not read.", "unsupported_format"))
    if data.startswith(b"PK\x03\x04"):
        _check_workbook(data, most_rows)
    elif ending not in JSON_ENDINGS and data.count(b"\n") > most_rows:
        # Lines inside quotation marks are no rows.
        check_rows(_QUOTED.sub(b"", data).count(b"\n"), most_rows)


def check_rows(count: int, most_rows: int) -> None:
    """Raises TableError for more rows than are read at once."""
    # Titles and headings are no answers.
    if count > most_rows + 50:
        text = f"The file has {count:,} rows, at most {most_rows:,} are read at once."
        raise TableError(Sentence(text, "too_many_rows", count=f"{count:,}", limit=f"{most_rows:,}"))


def _check_workbook(data: bytes, most_rows: int) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _MOST_UNPACKED_BYTES:
                raise TableError(Sentence("The file is too large when it is unpacked.", "too_large_unpacked"))
            for member in members:
                if _SHEET.fullmatch(member.filename):
                    _count_rows(archive, member, most_rows)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        # The reader says what is wrong with it.
        return


def _count_rows(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most_rows: int) -> None:
    count, rest = 0, b""
    with archive.open(member) as file:
        while chunk := file.read(_CHUNK_BYTES):
            found = rest + chunk
            count += len(_ROW.findall(found))
            # A mark that the end of the chunk cuts is found with the next one.
            rest = found[found.rfind(b"<") :] if found.rfind(b"<") > found.rfind(b">") else b""
            check_rows(count, most_rows)
