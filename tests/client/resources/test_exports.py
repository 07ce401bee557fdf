from __future__ import annotations

import asyncio
import csv
import hashlib
from pathlib import Path

import pytest

from vivavoce.client import AsyncClient, Client, DownloadDamaged, ExportFailed, InvalidRequest
from vivavoce.client.models.events import Export

from ...graded_service import GradedService
from ..breaking_proxy import run_breaking_proxy
from ..cohorts import grade_cohort
from ..scripted_server import Answer, run_scripted_server

EXPORT = {
    "id": "0" * 32,
    "state": "finished",
    "error": None,
    "cohort_id": None,
    "format": "csv",
    "layout": "long",
    "language": "en",
    "columns": None,
    "include_answers": False,
    "include_answer_key": False,
    "rows_total": 1,
    "rows_done": 1,
    "created_by": "test",
    "created_at": "2027-01-01T00:00:00Z",
    "finished_at": "2027-01-01T00:00:00Z",
    "expires_at": None,
    "manifest": {
        "schema_version": "1",
        "rows": 1,
        "answers": 1,
        "bytes": 4,
        "sha256": hashlib.sha256(b"abcd").hexdigest(),
        "snapshot_at": "2027-01-01T00:00:00Z",
        "sequence": 1,
        "filters": {},
    },
}


@pytest.fixture
def made(client: Client) -> Export:
    cohort = grade_cohort(client, 40)
    return client.exports.wait(client.exports.create(cohort_id=cohort.id, include_answers=True).id)


def test_a_file_is_downloaded_and_checked(client: Client, made: Export, tmp_path: Path) -> None:
    client.exports.download(made.id, tmp_path / "r.csv")
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert sum(row["external_id"].startswith("x-") for row in rows) == 40
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["r.csv"]
    assert made.id in {export.id for export in client.exports.list(cohort_id=made.cohort_id)}
    assert "external_id" in {column.name for column in client.exports.read_dictionary(made.id).columns}
    client.exports.delete(made.id)


def test_a_download_that_breaks_is_continued(graded_service: GradedService, made: Export, tmp_path: Path) -> None:
    assert made.manifest
    with (
        run_breaking_proxy(graded_service.url, seed=3, most_bytes=9000) as proxy,
        Client(proxy.url, graded_service.key, patience_seconds=30) as client,
    ):
        client.exports.download(made.id, tmp_path / "r.csv")
        assert proxy.cuts >= 2
    content = (tmp_path / "r.csv").read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (made.manifest.bytes, made.manifest.sha256)


def test_the_asynchronous_client_downloads(graded_service: GradedService, made: Export, tmp_path: Path) -> None:
    async def download() -> None:
        async with AsyncClient(graded_service.url, graded_service.key) as client:
            await client.exports.download(made.id, tmp_path / "r.csv")

    asyncio.run(download())
    assert made.manifest
    assert (tmp_path / "r.csv").stat().st_size == made.manifest.bytes


def test_a_damaged_file_is_not_kept(tmp_path: Path) -> None:
    target = tmp_path / "r.csv"
    target.write_bytes(b"older")
    with (
        run_scripted_server(Answer(body=EXPORT), Answer(body=b"abcX")) as server,
        Client(server.url, "viva_key", patience_seconds=1) as client,
        pytest.raises(DownloadDamaged, match="another SHA-256"),
    ):
        client.exports.download("0" * 32, target)
    assert target.read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["r.csv"]


def test_what_the_service_cannot_write_is_said(client: Client) -> None:
    failed = {**EXPORT, "state": "failed", "error": "The page has too many answers.", "manifest": None}
    with (
        run_scripted_server(Answer(body=failed)) as server,
        Client(server.url, "viva_key") as other,
        pytest.raises(ExportFailed, match="too many answers"),
    ):
        other.exports.wait("0" * 32)
    with pytest.raises(InvalidRequest, match="foo"):
        client.exports.create(format="foo")
