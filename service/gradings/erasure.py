"""Erasure of answers: what a candidate wrote is deleted with all that was made of it.

Of an erased answer there remain its events and those of the audit trail, which have ids, states, figures and hashes.
Uploads, exports, searches for near-duplicates and regrades of its cohort are deleted whole, as it is in them. Each
function works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vivavoce.graders.judge.replay import ReplayJudge
from vivavoce.graders.report.stored import upgrade_document

from .. import audit
from ..audit import Kind
from ..events.log import EventKind, append_event
from ..storage.repositories import ErasureRepository
from ..storage.tables import Grading

_ANSWERS_AT_ONCE = 200


@dataclass(frozen=True)
class Erased:
    """How many rows of each kind were deleted; `judge_calls` are recorded prompts with their replies."""

    submissions: int = 0
    gradings: int = 0
    reports: int = 0
    reviews: int = 0
    judge_calls: int = 0
    items: int = 0
    files: int = 0
    exports: int = 0
    analyses: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(*(mine + its for mine, its in zip(_counts(self), _counts(other), strict=True)))


def erase_candidate(session: Session, candidate: str, *, organisation_id: str, actor: str) -> Erased:
    """Erases all answers of a candidate, who is named as in the submissions; zeros if there are none."""
    submissions = ErasureRepository(session).submissions_of(candidate, organisation_id=organisation_id)
    return erase_submissions(session, submissions, organisation_id=organisation_id, actor=actor)


def erase_submissions(
    session: Session, submission_ids: Sequence[str], *, organisation_id: str, actor: str | None = None
) -> Erased:
    """Erases answers of one organisation, with the earlier versions of a cohort's answers that they replaced.

    A grading that runs is lost to its worker. `actor` is who asks for it, by default the user of this process.
    """
    repository = ErasureRepository(session)
    wanted = list(dict.fromkeys([*submission_ids, *repository.earlier_versions(submission_ids)]))
    erased = Erased()
    for start in range(0, len(wanted), _ANSWERS_AT_ONCE):
        chunk = wanted[start : start + _ANSWERS_AT_ONCE]
        erased += _erase_chunk(session, chunk, organisation_id=organisation_id, actor=actor)
    return erased


def erase_older(session: Session, moment: datetime, *, limit: int) -> int:
    """Erases up to `limit` answers of one organisation that were submitted before a moment; returns how many.

    Answers that are not graded yet stay.
    """
    found = ErasureRepository(session).submissions_before(moment, limit=limit)
    if not found:
        return 0
    organisation_id, submission_ids = found
    return erase_submissions(session, submission_ids, organisation_id=organisation_id).submissions


def _erase_chunk(session: Session, submission_ids: Sequence[str], *, organisation_id: str, actor: str | None) -> Erased:
    repository = ErasureRepository(session)
    # Locked first: a worker that writes a result waits, and then finds its lease lost.
    gradings = repository.lock_gradings(submission_ids)
    grading_ids = [grading.id for grading in gradings]
    cohort_ids = sorted(repository.cohorts_of(submission_ids) | {g.cohort_id for g in gradings if g.cohort_id})
    calls = _list_calls(repository, grading_ids, submission_ids)
    for grading in gradings:
        _note(session, grading, organisation_id=organisation_id, actor=actor)
    exports = repository.exports_with(cohort_ids, organisation_id=organisation_id)
    for export_id in exports:
        _audit(session, Kind.EXPORT_DELETED, export_id, organisation_id, actor, reason="erasure")
    # In the order in which rows refer to one another.
    reviews = repository.delete_reviews(grading_ids)
    reports = repository.delete_reports(grading_ids)
    items = repository.delete_items(submission_ids, cohort_ids)
    files, analyses = repository.delete_copies(cohort_ids, exports)
    return Erased(
        submissions=repository.delete_submissions(submission_ids, grading_ids, organisation_id=organisation_id),
        gradings=len(grading_ids),
        reports=reports,
        reviews=reviews,
        judge_calls=repository.delete_calls(calls, organisation_id=organisation_id),
        items=items,
        files=files,
        exports=len(exports),
        analyses=analyses,
    )


def _list_calls(repository: ErasureRepository, grading_ids: Sequence[str], submission_ids: Sequence[str]) -> list[str]:
    """Returns the keys of the calls that only these answers' reports rest on."""
    # Equal answers of others rest on the same calls.
    shared = repository.gradings_of_equal_answers(submission_ids)
    keep = {key for document in repository.report_documents(shared) for key in _read_calls(document)}
    keys = (key for document in repository.report_documents(grading_ids) for key in _read_calls(document))
    return [key for key in dict.fromkeys(keys) if key not in keep]


def _read_calls(document: dict[str, object]) -> list[str]:
    return ReplayJudge.keys_in(upgrade_document(document))


def _note(session: Session, grading: Grading, *, organisation_id: str, actor: str | None) -> None:
    _audit(session, Kind.GRADING_ERASED, grading.id, organisation_id, actor, submission_id=grading.submission_id)
    append_event(
        session,
        EventKind.GRADING_ERASED,
        subject_id=grading.id,
        organisation_id=organisation_id,
        cohort_id=grading.cohort_id,
        data={"grading_id": grading.id, "cohort_id": grading.cohort_id},
    )


def _audit(session: Session, kind: Kind, subject: str, organisation_id: str, actor: str | None, **details: str) -> None:
    audit.append_event(
        session, kind=kind, subject=subject, details=details, actor=actor, organisation_id=organisation_id
    )


def _counts(erased: Erased) -> tuple[int, ...]:
    return tuple(vars(erased).values())
