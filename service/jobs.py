"""Background jobs: work beside grading, such as exports, that one worker at a time does under a lease.

    queued → running → finished | failed
    running → running   by the next claim, once the lease of a lost worker has expired; at most MAX_JOB_ATTEMPTS times

A job may be started again after a lost worker, so its work must be repeatable. Each function works inside the caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from .errors import LostLease
from .storage import clock
from .storage.repositories import JobRepository
from .storage.tables import Job

MAX_JOB_ATTEMPTS = 3


@dataclass(frozen=True)
class JobLease:
    """The right to carry out one job. `is_last` says that no further attempt follows.

    `is_exhausted` says that the last attempt was lost too, so that the job can only be failed.
    """

    job_id: str
    organisation_id: str
    kind: str
    subject_id: str
    fencing_token: int
    is_last: bool
    is_exhausted: bool = False


def enqueue(session: Session, kind: str, *, subject_id: str, organisation_id: str) -> Job:
    """Stores a job of a kind about a row; a worker finds it within a second."""
    moment = clock.now()
    job = Job(
        organisation_id=organisation_id,
        kind=kind,
        subject_id=subject_id,
        state="queued",
        created_at=moment,
        updated_at=moment,
    )
    session.add(job)
    session.flush()
    return job


def claim(session: Session, *, owner: str, kinds: Sequence[str], lease_seconds: float) -> JobLease | None:
    """Leases the next due job to a worker; returns None if none is due."""
    moment = clock.now()
    job = JobRepository(session).next_due(moment, kinds=kinds)
    if job is None:
        return None
    job.state = "running"
    job.attempt += 1
    job.fencing_token += 1
    job.lease_owner = owner
    job.lease_until = moment + timedelta(seconds=lease_seconds)
    job.updated_at = moment
    session.flush()
    return JobLease(
        job_id=job.id,
        organisation_id=job.organisation_id,
        kind=job.kind,
        subject_id=job.subject_id,
        fencing_token=job.fencing_token,
        is_last=job.attempt >= MAX_JOB_ATTEMPTS,
        is_exhausted=job.attempt > MAX_JOB_ATTEMPTS,
    )


def renew(session: Session, lease: JobLease, *, lease_seconds: float) -> None:
    """Extends a lease to `lease_seconds` from now. Raises LostLease if another worker has the job."""
    require(session, lease).lease_until = clock.now() + timedelta(seconds=lease_seconds)


def finish(session: Session, lease: JobLease) -> None:
    """Ends a job as `finished`. Raises LostLease if another worker has it."""
    _end(require(session, lease), error=None)


def fail(session: Session, lease: JobLease, error: str) -> None:
    """Ends a job as `failed` with a reason in one sentence. Raises LostLease if another worker has it."""
    _end(require(session, lease), error=error)


def release(session: Session, lease: JobLease) -> None:
    """Requeues a job whose worker stops; the attempt does not count. Raises LostLease as `finish` does."""
    job = require(session, lease)
    job.state = "queued"
    job.attempt -= 1
    job.lease_owner = job.lease_until = None
    job.updated_at = clock.now()


def require(session: Session, lease: JobLease) -> Job:
    """Returns the job of a lease and locks it. Raises LostLease if another worker has it."""
    job = JobRepository(session).by_token(lease.job_id, lease.fencing_token)
    if job is None:
        raise LostLease(f"job {lease.job_id}: fencing token {lease.fencing_token} is not the newest")
    return job


def _end(job: Job, *, error: str | None) -> None:
    job.state = "failed" if error else "finished"
    job.error = error
    job.lease_owner = job.lease_until = None
    job.updated_at = clock.now()
