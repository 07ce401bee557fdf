"""Checks an audit trail piece by piece, so that one request checks a bounded number of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from .audit import REPORT_ENDS, REPORT_HASH, Broken, Head, Kind, document_hash, find_break
from .storage.repositories import AuditRepository, ReportRepository

_REPORTS_AT_ONCE = 200
# Kinds that say what the report of a grading is, or that it is gone.
_REPORT_KINDS = (Kind.REPORT_WRITTEN.value, Kind.GRADING_FAILED.value, *REPORT_ENDS)


@dataclass(frozen=True)
class Checked:
    """The part of a trail that was checked: `head` is its last event, `broken` the first problem, if there is one.

    `reports` is the number of reports that match the events of the part. `is_end` says that no event follows.
    """

    events: int
    reports: int
    head: Head
    is_end: bool
    broken: Broken | None


def check_part(session: Session, organisation_id: str, *, start: Head, limit: int) -> Checked:
    """Checks up to `limit` events after a head, and the reports that they name unless a later event does.

    The head must be one that was checked before, or `Head()` for the beginning.
    """
    repository = AuditRepository(session)
    if broken := _check_start(repository, organisation_id, start):
        return Checked(0, 0, start, is_end=False, broken=broken)
    found = repository.after(organisation_id, start.id, limit=limit + 1)
    end = start
    expected: dict[str, str] = {}
    for entry in found[:limit]:
        if broken := find_break(entry, end):
            return Checked(end.id - start.id, 0, end, is_end=False, broken=broken)
        end = Head(entry.id, entry.hash)
        if REPORT_HASH in entry.details:
            expected[entry.subject] = entry.details[REPORT_HASH]
        elif entry.kind in REPORT_ENDS:
            expected.pop(entry.subject, None)
    reports, broken = _check_reports(session, organisation_id, end, expected)
    return Checked(end.id - start.id, reports, end, is_end=len(found) <= limit, broken=broken)


def _check_start(repository: AuditRepository, organisation_id: str, start: Head) -> Broken | None:
    if start.id == 0:
        return None if start == Head() else Broken("Event 0 is not the one that the head names: a trail begins at 1.")
    entry = repository.by_id(organisation_id, start.id)
    if entry is None:
        return Broken(f"Event {start.id}, which the head names, is gone: the end of the trail was cut off.", start.id)
    if entry.hash != start.hash:
        return Broken(f"Event {start.id} is not the one that the head names: the trail was rewritten.", start.id)
    return None


def _check_reports(
    session: Session, organisation_id: str, end: Head, expected: Mapping[str, str]
) -> tuple[int, Broken | None]:
    """Returns how many reports are those that were written, and the first that is not."""
    count = 0
    repository, reports = AuditRepository(session), ReportRepository(session)
    ordered = sorted(expected)
    for first in range(0, len(ordered), _REPORTS_AT_ONCE):
        subjects = ordered[first : first + _REPORTS_AT_ONCE]
        later = repository.with_later_events(organisation_id, subjects, end.id, kinds=_REPORT_KINDS)
        stored = {report.grading_id: report for report in reports.by_gradings(subjects)}
        for grading_id in subjects:
            if grading_id in later:
                continue
            report = stored.get(grading_id)
            if report is None:
                return count, Broken(f"The report of grading {grading_id} is gone, though it was written.")
            if expected[grading_id] != document_hash(report.document) or report.score != report.document["score"]:
                return count, Broken(f"The report of grading {grading_id} is not the one that the trail names.")
            count += 1
        session.expunge_all()
    return count, None
