"""The work that is done on a file in a process of its own."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from vivavoce.rubrics import Bank

from .bad_rows import BadRowsFile, write_bad_rows
from .checking import ReadItem
from .child import ChildStopped, run_in_child
from .faults import Fault, Language
from .inspection import FileInput, Inspection, inspect_file, write_report


@dataclass(frozen=True)
class FileReport:
    """What is stored of a file that was read: its mapping and report as JSON, and its items as compressed JSON."""

    mapping: dict[str, Any] | None
    report: dict[str, Any]
    items: bytes


def read_file(source: FileInput, bank: Bank) -> FileReport:
    """The report of a file; one that takes too much memory or time has a report that says so."""
    try:
        return run_in_child(_read_file, source, bank)
    except ChildStopped as stopped:
        code = "unreadable_file" if stopped.is_error else "reading_stopped"
        return _write_report(Inspection(source, faults=[Fault(code)]))


def unpack_items(packed: bytes) -> list[ReadItem]:
    """The items of a file as they were stored."""
    return [ReadItem(*values) for values in json.loads(zlib.decompress(packed))]


def make_bad_rows(source: FileInput, bank: Bank, language: Language) -> BadRowsFile | None:
    """The file of bad rows; None if the file is no table."""
    try:
        return run_in_child(_make_bad_rows, source, bank, language)
    except ChildStopped:
        return None


def _read_file(source: FileInput, bank: Bank) -> FileReport:
    return _write_report(inspect_file(source, bank))


def _write_report(found: Inspection) -> FileReport:
    mapping = found.mapping.to_document() if found.mapping else None
    values = [tuple(vars(item).values()) for item in found.items]
    items = zlib.compress(json.dumps(values, ensure_ascii=False).encode(), level=1)
    return FileReport(mapping, write_report(found), items)


def _make_bad_rows(source: FileInput, bank: Bank, language: Language) -> BadRowsFile | None:
    found = inspect_file(source, bank)
    return write_bad_rows(found, language) if found.table else None
