"""The job that writes an export: one snapshot, one file, stored in pieces."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vivavoce.service.errors import UnusableExport
from vivavoce.service.exports import lifecycle
from vivavoce.service.exports.answers import Answer, AnswerReader
from vivavoce.service.exports.fields import write_time
from vivavoce.service.exports.lifecycle import Written
from vivavoce.service.exports.options import PAGES, ExportOptions
from vivavoce.service.jobs import JobLease
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Export
from vivavoce.tables import TableError

from ..background import LEASE_SECONDS, JobContext
from .layouts import Layout, Rubrics, build_layout
from .page import write_page, write_pdf_page
from .records import describe_records, write_jsonl
from .snapshot import Snapshot, open_snapshot
from .tables import write_csv, write_xlsx

SCHEMA_VERSION = "1"
CHUNK_BYTES = 1024 * 1024
_PROGRESS_SECONDS = 2.0


def write_export(context: JobContext) -> None:
    """Carry out the job of an export; one that was deleted or written meanwhile is left alone."""
    export = context.sessions.read(lambda session: session.get(Export, context.lease.subject_id))
    if export is None or export.state == "finished":
        return
    options = ExportOptions.model_validate(export.options)
    with tempfile.TemporaryDirectory(prefix="viva-export-") as folder:
        path = Path(folder) / "export"
        with open_snapshot(context.sessions, context.lease.organisation_id) as snapshot:
            written = _write_file(path, snapshot, options, _Progress(context.sessions, export.id))
        _store_file(context.sessions, context.lease, path)
    context.sessions.run(lambda session: lifecycle.finish(session, context.lease, written))


class _Progress:
    """Notes how many answers were read, at most every two seconds; reading them again counts for nothing."""

    def __init__(self, sessions: SessionFactory, export_id: str) -> None:
        self._sessions, self._export_id = sessions, export_id
        self._count = 0
        self._noted_at = time.monotonic()

    def start(self, rows: int) -> None:
        """Note how many there are."""
        self._sessions.run(lambda session: lifecycle.start(session, self._export_id, rows=rows))

    def follow(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        """The answers, counted as they pass."""
        for count, answer in enumerate(answers):
            if count > self._count and time.monotonic() - self._noted_at > _PROGRESS_SECONDS:
                self._note(count)
            yield answer

    def _note(self, count: int) -> None:
        self._sessions.run(lambda session: lifecycle.note_progress(session, self._export_id, rows=count))
        self._count, self._noted_at = count, time.monotonic()


class _FollowedReader(AnswerReader):
    """Answers whose reading is noted."""

    progress: _Progress

    def read_answers(self) -> Iterator[Answer]:
        """Read the answers in the order of `keys`."""
        return self.progress.follow(super().read_answers())


def _write_file(path: Path, snapshot: Snapshot, options: ExportOptions, progress: _Progress) -> Written:
    reader = _FollowedReader(snapshot.session, options)
    reader.progress = progress
    progress.start(len(reader.keys))
    rubrics = reader.read_rubrics()
    try:
        rows, dictionary = _write_format(path, reader, options, rubrics, snapshot)
    except TableError as error:
        raise UnusableExport(str(error)) from None
    return Written(_build_manifest(path, options, snapshot, len(reader.keys), rows), dictionary, snapshot.sequence)


def _write_format(
    path: Path, reader: AnswerReader, options: ExportOptions, rubrics: Rubrics, snapshot: Snapshot
) -> tuple[int, list[dict[str, Any]]]:
    """Write the file; the number of its rows, and the description of its columns."""
    if options.format in PAGES:
        write = write_page if options.format == "html" else write_pdf_page
        return write(path, reader, options, rubrics, snapshot), []
    if options.format == "jsonl":
        return write_jsonl(path, reader, options, rubrics), describe_records(options)
    layout = build_layout(reader, options, rubrics)
    writers: Mapping[str, Callable[[Path, Layout], int]] = {
        "csv": write_csv,
        "xlsx": lambda file, table: write_xlsx(file, table, options.language),
    }
    return writers[options.format](path, layout), [column.describe() for column in layout.columns]


def _build_manifest(path: Path, options: ExportOptions, snapshot: Snapshot, answers: int, rows: int) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "schema_version": SCHEMA_VERSION,
        "rows": rows,
        "answers": answers,
        "bytes": path.stat().st_size,
        "sha256": digest,
        "snapshot_at": write_time(snapshot.taken_at),
        "sequence": snapshot.sequence,
        "chunk_bytes": CHUNK_BYTES,
        "filters": options.filters.model_dump(mode="json"),
    }


def _store_file(sessions: SessionFactory, lease: JobLease, path: Path) -> None:
    with path.open("rb") as file:
        number = 0
        # An empty file has one empty piece.
        while (data := file.read(CHUNK_BYTES)) or number == 0:
            _store_chunk(sessions, lease, number, data)
            number += 1


def _store_chunk(sessions: SessionFactory, lease: JobLease, number: int, data: bytes) -> None:
    sessions.run(lambda session: lifecycle.store_chunk(session, lease, number, data, lease_seconds=LEASE_SECONDS))
