"""Reads the ids of an exported file with two libraries."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from openpyxl import load_workbook
from pydantic_core import from_json
from python_calamine import CalamineWorkbook

Ids = list[tuple[Any, Any]]
_NAMES = ("external_id", "candidate")


def read_ids(file_format: str, data: bytes) -> Iterator[tuple[str, Ids]]:
    """The name of each library, and external id and candidate of each row as it reads them."""
    for name, read in _READERS[file_format].items():
        yield name, read(data)


def _read_csv(data: bytes) -> Ids:
    return _choose(list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))))


def _read_csv_with_numpy(data: bytes) -> Ids:
    text = data.decode("utf-8-sig")
    places = _find_places(next(csv.reader(io.StringIO(text, newline=""))))
    cells = np.loadtxt(
        io.StringIO(text), dtype=str, delimiter=",", quotechar='"', comments=None, usecols=places, skiprows=1, ndmin=2
    )
    return [(row[0], row[1]) for row in cells.tolist()]


def _read_xlsx_with_openpyxl(data: bytes) -> Ids:
    sheet = load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    return _choose(sheet.iter_rows(values_only=True))


def _read_xlsx_with_calamine(data: bytes) -> Ids:
    return _choose(CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).iter_rows())


def _read_jsonl(parse: Callable[[bytes], Any]) -> Callable[[bytes], Ids]:
    return lambda data: [tuple(parse(line)[name] for name in _NAMES) for line in data.splitlines()]  # type: ignore[misc]


def _choose(rows: Any) -> Ids:
    rows = iter(rows)
    first, second = _find_places(next(rows))
    return [(row[first], row[second]) for row in rows]


def _find_places(headings: Sequence[Any]) -> list[int]:
    return [list(headings).index(name) for name in _NAMES]


_READERS: Mapping[str, Mapping[str, Callable[[bytes], Ids]]] = {
    "csv": {"csv": _read_csv, "numpy": _read_csv_with_numpy},
    "xlsx": {"openpyxl": _read_xlsx_with_openpyxl, "calamine": _read_xlsx_with_calamine},
    "jsonl": {"json": _read_jsonl(json.loads), "pydantic": _read_jsonl(from_json)},
}
READABLE = tuple(_READERS)
"""The formats that have a row for each answer."""
