"""The audit trail: what was done to gradings, as a hash chain in which each event has the hash of the one before.

The events of a transaction are written together, right before it commits, so that the end of the chain is locked no
longer than a commit takes. Triggers refuse changes of the table. `verify` detects changes made around them; a
rewritten chain, or one whose end was cut off, is detected only with a head that was kept elsewhere.
"""

from __future__ import annotations

import functools
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any, Self

from sqlalchemy.orm import Session

from .errors import UnreadableHead
from .storage import clock
from .storage.logs import Row, add_row
from .storage.repositories import AuditRepository, ReportRepository
from .storage.tables import DEFAULT_ORGANISATION, AuditEvent

# Stands for the hash before the first event.
_NO_HASH = "0" * 64
REPORT_HASH = "report_sha256"
# The columns that the hash covers beside number and previous hash.
_HASHED_FIELDS = ("at", "organisation_id", "kind", "subject", "actor", "details")


class Kind(StrEnum):
    """The kinds of events."""

    REPORT_WRITTEN = "report_written"
    GRADING_FAILED = "grading_failed"
    GRADING_DEAD = "grading_dead"
    GRADING_REQUEUED = "grading_requeued"
    GRADING_CANCELLED = "grading_cancelled"
    GRADING_ERASED = "grading_erased"
    GRADING_REVIEWED = "grading_reviewed"
    COHORT_CREATED = "cohort_created"
    COHORT_EDITED = "cohort_edited"
    COHORT_DELETED = "cohort_deleted"
    COHORT_STATE_CHANGED = "cohort_state_changed"
    COHORT_ITEMS_ADDED = "cohort_items_added"
    RUBRIC_EDITED = "rubric_edited"
    RUBRIC_FROZEN = "rubric_frozen"
    RUBRIC_RETIRED = "rubric_retired"
    REGRADE_APPLIED = "regrade_applied"
    JUDGE_REGISTERED = "judge_registered"
    JUDGE_PROMOTED = "judge_promoted"
    JUDGE_TAKEN_BACK = "judge_taken_back"
    JUDGE_RETIRED = "judge_retired"
    EXPORT_CREATED = "export_created"
    EXPORT_READ = "export_read"
    EXPORT_DELETED = "export_deleted"
    GRADES_IMPORTED = "grades_imported"
    BACKUP_TAKEN = "backup_taken"
    DATABASE_RESTORED = "database_restored"
    KEY_CREATED = "key_created"
    KEY_ROTATED = "key_rotated"
    KEY_REVOKED = "key_revoked"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_SECRET_ROTATED = "webhook_secret_rotated"
    WEBHOOK_ENABLED = "webhook_enabled"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_REPLAYED = "webhook_replayed"
    WEBHOOK_DELETED = "webhook_deleted"


REPORT_ENDS = (Kind.GRADING_REQUEUED.value, Kind.GRADING_ERASED.value)
"""The kinds of events that delete a report."""


@dataclass(frozen=True)
class Head:
    """Number and hash of the newest event. A copy kept elsewhere shows later that events were removed."""

    id: int = 0
    hash: str = _NO_HASH

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses what `str` printed. Raises UnreadableHead if the text has another form."""
        number, _, digest = text.partition(":")
        # isdigit alone accepts digits of other scripts.
        if not number.isascii() or not number.isdigit() or len(digest) != len(_NO_HASH):
            raise UnreadableHead(f"'{text[:80]}' is not the head of a trail: give what 'viva audit head' prints.")
        return cls(int(number), digest)


@dataclass(frozen=True)
class Verified:
    """An intact trail: the number of its events, its head, and the number of reports that match it."""

    events: int
    head: Head
    reports: int
    older_reports: int
    """Reports that are older than the trail, so that no event names them."""


@dataclass(frozen=True)
class Broken:
    """The first problem, in one sentence, and the number of the event that has it, if it is one event's."""

    problem: str
    event: int | None = None


def append_event(
    session: Session,
    *,
    kind: Kind,
    subject: str,
    details: Mapping[str, Any] | None = None,
    actor: str | None = None,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> None:
    """Adds an event that is written when the transaction commits. `actor` defaults to the user of this process."""
    row = {
        "at": clock.now(),
        "organisation_id": organisation_id,
        "kind": kind.value,
        "subject": subject,
        "actor": actor or _process_actor(),
        "details": dict(details or {}),
    }
    add_row(session, _write_events, row)


def report_details(document: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Returns the details of an event about a report: its hash, by which a later change shows, and its score."""
    return {REPORT_HASH: document_hash(document), "score": document["score"], **more}


def document_hash(document: Any) -> str:
    """Returns the SHA-256 of a document as canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """Returns JSON in ASCII with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def head(session: Session, *, organisation_id: str = DEFAULT_ORGANISATION) -> Head:
    """Returns the head of an organisation's trail; that of an empty trail is number 0."""
    newest = AuditRepository(session).read_head(organisation_id)
    return Head(*newest) if newest else Head()


def verify(
    session: Session, *, kept: Head | None = None, organisation_id: str = DEFAULT_ORGANISATION
) -> Verified | Broken:
    """Checks that no event was changed or removed, and that every report is the one that the trail names.

    `kept` is a head that was printed before: the trail must contain it.
    """
    end = Head()
    # The hash that each grading's newest report must have.
    expected: dict[str, str] = {}
    try:
        with closing(AuditRepository(session).in_order(organisation_id)) as events:
            for entry in events:
                if broken := find_break(entry, end):
                    return broken
                end = Head(entry.id, entry.hash)
                if kept and kept.id == end.id and kept != end:
                    problem = f"Event {end.id} is not the one that the head names: the trail was rewritten."
                    return Broken(problem, end.id)
                if REPORT_HASH in entry.details:
                    expected[entry.subject] = entry.details[REPORT_HASH]
                elif entry.kind in REPORT_ENDS:
                    expected.pop(entry.subject, None)
    except (ValueError, TypeError) as error:
        # SQLite accepts any value as a time or a document.
        return Broken(f"An event soon after event {end.id} cannot be read ({error}): it was changed.")
    if kept and kept.id > end.id:
        return Broken(
            f"The trail ends with event {end.id}, but event {kept.id} was written: its end was cut off.", end.id + 1
        )
    return _compare_reports(session, end, expected, organisation_id=organisation_id)


def find_break(entry: AuditEvent, end: Head) -> Broken | None:
    """Returns what is wrong with the event that follows the head `end`, or None."""
    if entry.id != end.id + 1:
        return Broken(f"Event {end.id + 1} is missing: event {entry.id} follows on event {end.id}.", end.id + 1)
    name = f"Event {entry.id} ({entry.kind} {entry.subject}, {entry.at:%Y-%m-%d %H:%M:%S} UTC)"
    row = {field: getattr(entry, field) for field in _HASHED_FIELDS}
    if entry.hash != _hash_event(row, number=entry.id, previous=entry.previous_hash):
        return Broken(f"{name} was changed: its hash does not match its fields.", entry.id)
    if entry.previous_hash != end.hash:
        return Broken(f"{name} does not follow on event {end.id}: one of the two was rewritten.", entry.id)
    return None


def _compare_reports(
    session: Session, end: Head, expected: dict[str, str], *, organisation_id: str
) -> Verified | Broken:
    count = older = 0
    with closing(ReportRepository(session).in_order(organisation_id)) as reports:
        for grading_id, score, document in reports:
            digest = expected.pop(grading_id, None)
            if digest is None:
                older += 1
            # The hash does not cover the column with the score.
            elif digest != document_hash(document) or score != document["score"]:
                return Broken(f"The report of grading {grading_id} is not the one that the trail says was written.")
            else:
                count += 1
    if expected:
        return Broken(f"The report of grading {min(expected)} is gone, though the trail says that it was written.")
    return Verified(events=end.id, head=end, reports=count, older_reports=older)


def _write_events(session: Session, organisation_id: str, rows: Sequence[Row]) -> None:
    end = head(session, organisation_id=organisation_id)
    AuditRepository(session).add_events(list(_chain_events(rows, end)))


def _chain_events(rows: Sequence[Row], end: Head) -> Iterator[dict[str, Any]]:
    for row in rows:
        number, previous = end.id + 1, end.hash
        end = Head(number, _hash_event(row, number=number, previous=previous))
        yield {**row, "id": number, "previous_hash": previous, "hash": end.hash}


def _hash_event(row: Mapping[str, Any], *, number: int, previous: str) -> str:
    at = row["at"].astimezone(UTC).isoformat()
    return document_hash({**row, "at": at, "id": number, "previous_hash": previous})


@functools.cache
def _process_actor() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # The user of a container may have a number and no name.
        user = str(os.getuid())
    # As long as the column.
    return f"{user}@{socket.gethostname()}"[:200]
