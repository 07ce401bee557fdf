"""The audit trail: what was done, in a chain in which each event carries the hash of the one before it.

Events of a transaction are written together, right before it commits: only then is the end of the chain locked, and
nobody waits for longer than a commit takes. The tables refuse changes; somebody who gets around that is found out by
`verify`, and one who writes the whole chain anew, or cuts off its end, by a head that was kept elsewhere.
"""

from __future__ import annotations

import functools
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from .errors import UnreadableHead
from .storage import clock
from .storage.repositories import AuditRepository
from .storage.tables import DEFAULT_ORGANISATION, AuditEvent, Report

_PENDING = "vivavoce_audit"
_NOTHING = "0" * 64
_REPORT_HASH = "report_sha256"


class Kind(StrEnum):
    """What was done."""

    REPORT_WRITTEN = "report_written"
    GRADING_FAILED = "grading_failed"
    GRADING_DEAD = "grading_dead"
    GRADING_REQUEUED = "grading_requeued"
    GRADING_CANCELLED = "grading_cancelled"
    RUBRIC_EDITED = "rubric_edited"
    JUDGE_REGISTERED = "judge_registered"
    JUDGE_PROMOTED = "judge_promoted"
    JUDGE_TAKEN_BACK = "judge_taken_back"
    BACKUP_TAKEN = "backup_taken"
    DATABASE_RESTORED = "database_restored"


@dataclass(frozen=True)
class Head:
    """The end of a trail: the number of its newest event and that event's hash; kept elsewhere, it shows a cut."""

    id: int = 0
    hash: str = _NOTHING

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The head that was printed as `text`; raises UnreadableHead."""
        number, _, found = text.partition(":")
        if not number.isascii() or not number.isdigit() or len(found) != len(_NOTHING):
            raise UnreadableHead(f"'{text[:80]}' is no head of a trail: give what 'viva audit head' prints.")
        return cls(int(number), found)


@dataclass(frozen=True)
class Verified:
    """A trail without a break: its events, its head, and the reports that are as the trail says."""

    events: int
    head: Head
    reports: int
    older_reports: int
    """Reports from before the trail, of which it knows nothing."""


@dataclass(frozen=True)
class Broken:
    """The first thing that is wrong, in one sentence; `event` is the number of the event, if one is to blame."""

    problem: str
    event: int | None = None


def append(
    session: Session,
    *,
    kind: Kind,
    subject: str,
    details: Mapping[str, Any] | None = None,
    actor: str | None = None,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> None:
    """Have an event written when the session's transaction commits; without an actor, it was this process's user."""
    row = {
        "at": clock.now(),
        "organisation_id": organisation_id,
        "kind": kind.value,
        "subject": subject,
        "actor": actor or _process_actor(),
        "details": dict(details or {}),
    }
    session.info.setdefault(_PENDING, []).append(row)


def report_details(document: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What the trail keeps of a report: by its hash a later change is seen."""
    return {_REPORT_HASH: document_hash(document), "score": document["score"], **more}


def document_hash(document: Any) -> str:
    """SHA-256 of a document as canonical JSON."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, in ASCII: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def head(session: Session, *, organisation_id: str = DEFAULT_ORGANISATION) -> Head:
    """The end of an organisation's trail."""
    found = AuditRepository(session).head(organisation_id)
    return Head(*found) if found else Head()


def verify(
    session: Session, *, kept: Head | None = None, organisation_id: str = DEFAULT_ORGANISATION
) -> Verified | Broken:
    """Whether every event is as it was written, none is missing, and every report is the one the trail speaks of.

    `kept` is a head that was seen before: the trail must go on from there.
    """
    end = Head()
    reports: dict[str, str] = {}
    try:
        with closing(AuditRepository(session).in_order(organisation_id)) as events:
            for found in events:
                if broken := _break(found, end):
                    return broken
                end = Head(found.id, found.hash)
                if kept and kept.id == end.id and kept != end:
                    says = f"Event {end.id} is not the one that the head names: the trail was written anew."
                    return Broken(says, end.id)
                if _REPORT_HASH in found.details:
                    reports[found.subject] = found.details[_REPORT_HASH]
                elif found.kind == Kind.GRADING_REQUEUED:
                    reports.pop(found.subject, None)
    except (ValueError, TypeError) as error:
        # SQLite takes anything for a time or a document.
        return Broken(f"An event soon after event {end.id} cannot be read ({error}): it was changed.")
    if kept and kept.id > end.id:
        return Broken(
            f"The trail ends with event {end.id}, but event {kept.id} was written: its end was cut off.", end.id + 1
        )
    return _compare_reports(session, end, reports, organisation_id=organisation_id)


def _break(found: AuditEvent, end: Head) -> Broken | None:
    """What is wrong with an event that should follow the end of the trail so far."""
    if found.id != end.id + 1:
        return Broken(f"Event {end.id + 1} is missing: event {found.id} follows on event {end.id}.", end.id + 1)
    name = f"Event {found.id} ({found.kind} {found.subject}, {found.at:%Y-%m-%d %H:%M:%S} UTC)"
    row = {field: getattr(found, field) for field in ("at", "organisation_id", "kind", "subject", "actor", "details")}
    if found.hash != _hash(row, number=found.id, previous=found.previous_hash):
        return Broken(f"{name} is not as it was written: its fields do not give its hash.", found.id)
    if found.previous_hash != end.hash:
        return Broken(f"{name} does not follow on event {end.id}: one of the two was written anew.", found.id)
    return None


def _compare_reports(
    session: Session, end: Head, expected: dict[str, str], *, organisation_id: str
) -> Verified | Broken:
    count = older = 0
    found = (
        sa.select(Report.grading_id, Report.score, Report.document)
        .where(Report.organisation_id == organisation_id)
        .order_by(Report.grading_id)
        .execution_options(yield_per=500)
    )
    with closing(session.execute(found)) as rows:
        for grading_id, score, document in rows:
            written = expected.pop(grading_id, None)
            if written is None:
                older += 1
            elif written != document_hash(document) or score != document["score"]:
                return Broken(f"The report of grading {grading_id} is not the one that the trail says was written.")
            else:
                count += 1
    if expected:
        return Broken(f"The report of grading {min(expected)} is gone, though the trail says that it was written.")
    return Verified(events=end.id, head=end, reports=count, older_reports=older)


# Of every session, since any transaction may have something to tell; without events it costs nothing.
@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if _PENDING not in session.info or session.in_nested_transaction():
        return
    # What the flush waits for may itself wait for the end of the chain, so it comes before the lock.
    session.flush()
    rows = session.info.pop(_PENDING)
    repository = AuditRepository(session)
    for organisation_id in sorted({row["organisation_id"] for row in rows}):
        repository.lock(organisation_id)
        end = head(session, organisation_id=organisation_id)
        own = [row for row in rows if row["organisation_id"] == organisation_id]
        repository.add(list(_chained(own, end)))


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(_PENDING, None)


def _chained(rows: list[dict[str, Any]], end: Head) -> Iterator[dict[str, Any]]:
    for row in rows:
        number, previous = end.id + 1, end.hash
        end = Head(number, _hash(row, number=number, previous=previous))
        yield {**row, "id": number, "previous_hash": previous, "hash": end.hash}


def _hash(row: Mapping[str, Any], *, number: int, previous: str) -> str:
    at = row["at"].astimezone(UTC).isoformat()
    return document_hash({**row, "at": at, "id": number, "previous_hash": previous})


@functools.cache
def _process_actor() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have a number and no name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:200]
