from __future__ import annotations

import pytest

from vivavoce.service import jobs
from vivavoce.service.errors import LostLease
from vivavoce.service.jobs import JobLease
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Job

from .samples import OTHER_ORGANISATION, FixedClock, add_organisation


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    """Leases must hold on both databases."""
    return both_databases


def enqueue(database: SessionFactory, kind: str = "export", *, organisation_id: str = "default") -> str:
    with database.begin() as session:
        return jobs.enqueue(session, kind, subject_id="s", organisation_id=organisation_id).id


def claim(database: SessionFactory, *, owner: str = "w", kinds: tuple[str, ...] = ("export",)) -> JobLease | None:
    with database.begin() as session:
        return jobs.claim(session, owner=owner, kinds=kinds, lease_seconds=30)


def read_job(database: SessionFactory, job_id: str) -> Job:
    with database() as session:
        return session.get_one(Job, job_id)


def test_the_oldest_job_of_a_kind_is_claimed_once(database: SessionFactory, fixed_clock: FixedClock) -> None:
    first = enqueue(database)
    fixed_clock.advance(1)
    second, other = enqueue(database), enqueue(database, "other")
    leases = [claim(database) for _ in range(3)]
    assert [lease and lease.job_id for lease in leases] == [first, second, None]
    assert read_job(database, other).state == "queued"
    assert (read_job(database, first).state, read_job(database, first).lease_owner) == ("running", "w")


def test_jobs_of_all_organisations_are_claimed(database: SessionFactory) -> None:
    add_organisation(database)
    enqueue(database, organisation_id=OTHER_ORGANISATION)
    lease = claim(database)
    assert lease
    assert lease.organisation_id == OTHER_ORGANISATION


def test_two_workers_never_hold_one_job(database: SessionFactory) -> None:
    enqueue(database)
    with database.begin() as first:
        assert jobs.claim(first, owner="a", kinds=["export"], lease_seconds=30)
        if database.engine.dialect.name == "postgresql":
            with database.begin() as second:
                assert jobs.claim(second, owner="b", kinds=["export"], lease_seconds=30) is None
    assert claim(database, owner="b") is None


def test_a_lost_lease_can_no_longer_be_used(database: SessionFactory, fixed_clock: FixedClock) -> None:
    job_id = enqueue(database)
    lost = claim(database)
    assert lost
    fixed_clock.advance(31)
    new = claim(database, owner="other")
    assert new
    assert (new.job_id, new.fencing_token) == (job_id, lost.fencing_token + 1)
    for use in (
        lambda session: jobs.renew(session, lost, lease_seconds=30),
        lambda session: jobs.finish(session, lost),
        lambda session: jobs.fail(session, lost, "no"),
        lambda session: jobs.release(session, lost),
    ):
        with pytest.raises(LostLease), database.begin() as session:
            use(session)
    with database.begin() as session:
        jobs.finish(session, new)
    assert (read_job(database, job_id).state, read_job(database, job_id).lease_owner) == ("finished", None)


def test_a_renewed_lease_is_kept(database: SessionFactory, fixed_clock: FixedClock) -> None:
    enqueue(database)
    lease = claim(database)
    assert lease
    for _ in range(3):
        fixed_clock.advance(20)
        with database.begin() as session:
            jobs.renew(session, lease, lease_seconds=30)
    assert claim(database, owner="other") is None


def test_the_third_attempt_is_the_last(database: SessionFactory, fixed_clock: FixedClock) -> None:
    enqueue(database)
    found = []
    for _ in range(4):
        lease = claim(database)
        assert lease
        found.append((lease.is_last, lease.is_exhausted))
        fixed_clock.advance(31)
    assert found == [(False, False), (False, False), (True, False), (True, True)]


def test_a_released_job_has_lost_no_attempt(database: SessionFactory) -> None:
    job_id = enqueue(database)
    lease = claim(database)
    assert lease
    with database.begin() as session:
        jobs.release(session, lease)
    assert (read_job(database, job_id).state, read_job(database, job_id).attempt) == ("queued", 0)
    assert claim(database)
