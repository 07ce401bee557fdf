"""Every broken file gives its codes and never an error of the service; what its bad rows say, mended, goes through."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient

from vivavoce.service.storage.engine import SessionFactory

from ...cohort_file_samples import add_cohort, list_codes, upload
from .broken_files import QUESTION, BrokenFile, list_broken_files, write_xlsx

pytestmark = pytest.mark.processes
FILES = list_broken_files()
# Their rows can be told apart, so that they can be mended.
WITH_BAD_ROWS = [file for file in FILES if file.rows]
MENDED = {
    "candidate": "mended {}",
    "question_id": "quantization",
    "answer": "It needs less memory, says {}.",
    "external_id": "own-{}",
    "language": "en",
    "Email": "mended{}@x.org",
    QUESTION: "It needs less memory.",
}


@pytest.fixture
def cohort_id(sqlite_database: SessionFactory) -> str:
    return add_cohort(sqlite_database)


def test_there_are_at_least_sixty_broken_files_with_names_of_their_own() -> None:
    assert len({file.label for file in FILES}) == len(FILES) >= 60


@pytest.mark.parametrize("file", FILES, ids=[file.label for file in FILES])
def test_a_broken_file_gives_its_codes(api: TestClient, cohort_id: str, file: BrokenFile) -> None:
    reply = upload(api, cohort_id, file.data, file.name, **file.parameters)
    assert reply.status_code == 201, reply.json()
    report = reply.json()
    problems = [problem for problem in report["problems"] if problem["level"] != "notice"]
    assert [problem["code"] for problem in problems] == list(file.codes)
    assert list_codes(report, "notice") == list(file.notices)
    errors = [problem for problem in problems if problem["level"] == "error"]
    assert sorted({problem["row"] for problem in errors if problem["row"]}) == list(file.rows)
    assert (report["counts"]["answers"] == 0) == any(problem["row"] is None for problem in errors) or report["counts"][
        "valid_rows"
    ] == 0
    applied = api.post(f"{reply.headers['location']}/apply")
    assert applied.status_code == (422 if errors else 200), applied.json()


@pytest.mark.parametrize("file", WITH_BAD_ROWS, ids=[file.label for file in WITH_BAD_ROWS])
def test_mended_bad_rows_go_through(api: TestClient, cohort_id: str, file: BrokenFile) -> None:
    address = upload(api, cohort_id, file.data, file.name, **file.parameters).headers["location"]
    bad_rows = api.get(f"{address}/bad-rows", params={"language": "zh"})
    assert bad_rows.status_code == 200
    name = bad_rows.headers["content-disposition"].rpartition("''")[2]
    mended, count = _mend(bad_rows.content, name)
    assert count >= len(file.rows)
    again = upload(api, cohort_id, mended, name)
    assert list_codes(again.json()) == []
    assert api.post(f"{again.headers['location']}/apply").json()["applied"]["created"] == count


def _mend(content: bytes, name: str) -> tuple[bytes, int]:
    """The file with values that can be used in each row, and the number of rows; what it has besides stays."""
    kinds: dict[str, Callable[[bytes], tuple[bytes, int]]] = {
        "csv": _mend_csv,
        "xlsx": _mend_xlsx,
        "jsonl": lambda data: _mend_json(data, is_lines=True),
        "json": lambda data: _mend_json(data, is_lines=False),
    }
    return kinds[name.rpartition(".")[2]](content)


def _mend_row(row: dict[str, Any], number: int) -> dict[str, Any]:
    assert row["error"], "each row says what is wrong"
    return {**row, **{column: text.format(number) for column, text in MENDED.items() if column in row}}


def _mend_csv(content: bytes) -> tuple[bytes, int]:
    assert content.startswith(b"\xef\xbb\xbf")
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    rows = [_mend_row(row, number) for number, row in enumerate(reader)]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, reader.fieldnames or ())
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode("utf-8-sig"), len(rows)


def _mend_xlsx(content: bytes) -> tuple[bytes, int]:
    heading, *cells = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
    rows = [_mend_row(dict(zip(heading, row, strict=True)), number) for number, row in enumerate(cells)]
    return write_xlsx([heading, *(tuple(row.values()) for row in rows)]), len(rows)


def _mend_json(content: bytes, *, is_lines: bool) -> tuple[bytes, int]:
    found = [json.loads(line) for line in content.splitlines()] if is_lines else json.loads(content)
    blank = {"candidate": "", "question_id": "", "answer": ""}
    rows = [_mend_row({**blank, **row}, number) for number, row in enumerate(found)]
    text = "\n".join(map(json.dumps, rows)) if is_lines else json.dumps(rows)
    return text.encode(), len(rows)
