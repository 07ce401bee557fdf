"""Changes of an export's state. Each function works inside the caller's transaction.

queued → running → finished | failed
any → deleted    by the caller, or when its time is up
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from .. import audit, jobs
from ..audit import Kind
from ..errors import LostLease, NotFound, WrongState
from ..events.log import EventKind, append_event
from ..jobs import JobLease
from ..lookup import get_own
from ..storage import clock
from ..storage.repositories.exports import ExportRepository
from ..storage.tables import Cohort, Export, ExportChunk
from .options import ExportOptions

JOB_KIND = "export"
_PRUNED_AT_ONCE = 20


@dataclass(frozen=True)
class Written:
    """What a job wrote: the manifest, the description of the columns, and the snapshot's last event."""

    manifest: Mapping[str, Any]
    dictionary: list[dict[str, Any]]
    sequence: int


def request(session: Session, options: ExportOptions, *, organisation_id: str, actor: str, keep_days: float) -> Export:
    """Stores an export and the job that writes it. Raises NotFound or UnusableExport."""
    options.check()
    if options.cohort_id is not None:
        get_own(session, Cohort, options.cohort_id, name="cohort")
    moment = clock.now()
    export = Export(
        organisation_id=organisation_id,
        cohort_id=options.cohort_id,
        format=options.format,
        options=options.model_dump(mode="json"),
        state="queued",
        rows_done=0,
        created_by=actor,
        created_at=moment,
        expires_at=moment + timedelta(days=keep_days),
    )
    session.add(export)
    session.flush()
    jobs.enqueue(session, JOB_KIND, subject_id=export.id, organisation_id=organisation_id)
    _note_in_trail(session, Kind.EXPORT_CREATED, export, actor, options=export.options)
    return export


def get(session: Session, export_id: str, *, lock: bool = False) -> Export:
    """Returns an export whose time is not up. Raises NotFound."""
    export = get_own(session, Export, export_id, name="export", lock=lock)
    if export.expires_at is not None and export.expires_at <= clock.now():
        raise NotFound(f"The export '{export_id}' has expired: ask for a new one.")
    return export


def get_finished(session: Session, export_id: str) -> Export:
    """Returns an export whose file can be read. Raises NotFound or WrongState."""
    export = get(session, export_id)
    if export.state != "finished":
        fix = "ask for a new one" if export.state == "failed" else "wait until it is finished"
        raise WrongState(f"The export '{export_id}' is {export.state} and has no file: {fix}.")
    return export


def start(session: Session, export_id: str, *, rows: int) -> None:
    """Notes that a worker writes an export of so many rows."""
    export = _get_wanted(session, export_id)
    export.state, export.rows_total, export.rows_done = "running", rows, 0


def note_progress(session: Session, export_id: str, *, rows: int) -> None:
    """Notes how many rows are written."""
    _get_wanted(session, export_id).rows_done = rows


def store_chunk(session: Session, lease: JobLease, number: int, data: bytes, *, lease_seconds: float) -> None:
    """Stores a piece of the file; the first one replaces what an earlier attempt left. Raises LostLease."""
    # Also proves that no other worker has the job.
    jobs.renew(session, lease, lease_seconds=lease_seconds)
    export = _get_wanted(session, lease.subject_id)
    if number == 0:
        ExportRepository(session).delete_chunks(export.id)
    session.add(ExportChunk(export_id=export.id, number=number, data=data))


def finish(session: Session, lease: JobLease, written: Written) -> None:
    """Makes the file readable. Raises LostLease."""
    jobs.require(session, lease)
    export = _get_wanted(session, lease.subject_id)
    export.state = "finished"
    export.manifest, export.dictionary = dict(written.manifest), written.dictionary
    export.sequence, export.rows_done = written.sequence, written.manifest["rows"]
    export.finished_at = clock.now()
    _append_event(session, export, EventKind.EXPORT_FINISHED)


def fail(session: Session, lease: JobLease, error: str) -> None:
    """Notes that an export cannot be written, with the reason in a sentence; a deleted one is left alone."""
    export = session.get(Export, lease.subject_id)
    if export is None or export.state == "finished":
        return
    ExportRepository(session).delete_chunks(export.id)
    export.state, export.error = "failed", error
    export.finished_at = clock.now()
    _append_event(session, export, EventKind.EXPORT_FAILED)


def note_read(session: Session, export: Export, *, actor: str) -> None:
    """Notes in the audit trail who fetched a file."""
    _note_in_trail(session, Kind.EXPORT_READ, export, actor, sha256=(export.manifest or {}).get("sha256"))


def delete(session: Session, export_id: str, *, actor: str) -> None:
    """Deletes an export with its file. Raises NotFound."""
    export = get(session, export_id, lock=True)
    _note_in_trail(session, Kind.EXPORT_DELETED, export, actor)
    ExportRepository(session).delete([export.id])


def prune(session: Session) -> int:
    """Deletes exports of all organisations whose time is up, a few at a time; returns how many."""
    repository = ExportRepository(session)
    expired = repository.find_expired(clock.now(), limit=_PRUNED_AT_ONCE)
    if expired:
        repository.delete(expired)
    return len(expired)


def _get_wanted(session: Session, export_id: str) -> Export:
    export = session.get(Export, export_id, with_for_update=True)
    if export is None:
        raise LostLease(f"export {export_id} was deleted while it was written")
    return export


def _append_event(session: Session, export: Export, kind: EventKind) -> None:
    append_event(
        session,
        kind,
        subject_id=export.id,
        organisation_id=export.organisation_id,
        cohort_id=export.cohort_id,
        data={"state": export.state, "format": export.format},
    )


def _note_in_trail(session: Session, kind: Kind, export: Export, actor: str, **details: Any) -> None:
    audit.append_event(
        session,
        kind=kind,
        subject=export.id,
        actor=actor,
        details={"cohort_id": export.cohort_id, "format": export.format, **details},
        organisation_id=export.organisation_id,
    )
