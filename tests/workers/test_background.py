from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from vivavoce.graders.testing import scripted_panel
from vivavoce.service import jobs
from vivavoce.service.errors import UnusableExport
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Job, Organisation, Submission
from vivavoce.workers import background
from vivavoce.workers.background import BackgroundThread, Handler, JobContext, run_next_job

SECONDS = 30.0


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    """Jobs must be carried out on both databases."""
    return both_databases


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def run(database: SessionFactory, settings: Settings, failures: list[str]) -> Callable[[Handler], bool]:
    """Carries out the next job with a handler."""

    def run_job(handler: Handler) -> bool:
        return run_next_job(
            database,
            scripted_panel(),
            settings,
            {"k": handler},
            owner="w",
            on_failure={"k": lambda session, lease, error: failures.append(f"{lease.subject_id}: {error}")},
        )

    return run_job


def enqueue(database: SessionFactory, *, organisation_id: str = "default") -> None:
    with database.begin() as session:
        jobs.enqueue(session, "k", subject_id="s", organisation_id=organisation_id)


def read_job(database: SessionFactory) -> Job:
    with database() as session:
        return session.scalars(sa.select(Job)).one()


def let_lease_expire(database: SessionFactory) -> None:
    with database.begin() as session:
        session.execute(sa.update(Job).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_job_is_carried_out_once(database: SessionFactory, run: Callable[[Handler], bool]) -> None:
    assert not run(lambda context: None)
    enqueue(database)
    done: list[JobContext] = []
    assert run(done.append)
    assert not run(done.append)
    assert [context.lease.subject_id for context in done] == ["s"]
    assert (read_job(database).state, read_job(database).error) == ("finished", None)


def test_a_job_sees_rows_of_its_organisation_only(database: SessionFactory, run: Callable[[Handler], bool]) -> None:
    with database.begin() as session:
        session.add(Organisation(id="other", created_at=clock.now()))
        session.flush()
        for organisation_id in ("default", "other"):
            session.add(
                Submission(
                    organisation_id=organisation_id, answer=organisation_id, answer_hash="", created_at=clock.now()
                )
            )
    enqueue(database, organisation_id="other")
    seen: list[str] = []

    def read(context: JobContext) -> None:
        seen.extend(context.sessions.read(lambda session: session.scalars(sa.select(Submission.answer)).all()))

    assert run(read)
    assert seen == ["other"]


def test_an_error_of_the_service_fails_the_job_with_its_sentence(
    database: SessionFactory, run: Callable[[Handler], bool], failures: list[str]
) -> None:
    def refuse(_: JobContext) -> None:
        raise UnusableExport("There are too many: choose fewer.")

    enqueue(database)
    assert run(refuse)
    assert (read_job(database).state, read_job(database).error) == ("failed", "There are too many: choose fewer.")
    assert failures == ["s: There are too many: choose fewer."]


def test_an_unexpected_error_is_tried_three_times(
    database: SessionFactory, run: Callable[[Handler], bool], failures: list[str]
) -> None:
    def break_down(_: JobContext) -> None:
        raise KeyError("answer of a candidate")

    enqueue(database)
    for attempt in range(1, 4):
        assert run(break_down)
        assert read_job(database).attempt == attempt
        assert not run(break_down)
        let_lease_expire(database)
    job = read_job(database)
    assert job.state == "failed"
    assert job.error == "An error of the program (KeyError): ask for it once more, and see the worker's log."
    assert len(failures) == 1


def test_a_job_whose_workers_are_killed_fails_after_three(
    database: SessionFactory, run: Callable[[Handler], bool], failures: list[str]
) -> None:
    enqueue(database)
    for _ in range(3):
        with database.begin() as session:
            assert jobs.claim(session, owner="killed", kinds=["k"], lease_seconds=30)
        let_lease_expire(database)
    done: list[JobContext] = []
    assert run(done.append)
    assert (read_job(database).state, done) == ("failed", [])
    assert "again and again" in failures[0]
    assert not run(done.append)


def test_a_job_that_another_worker_has_taken_is_left_to_it(
    database: SessionFactory, run: Callable[[Handler], bool], failures: list[str]
) -> None:
    def lose(_: JobContext) -> None:
        let_lease_expire(database)
        with database.begin() as session:
            assert jobs.claim(session, owner="other", kinds=["k"], lease_seconds=30)

    enqueue(database)
    assert run(lose)
    assert (read_job(database).state, read_job(database).lease_owner) == ("running", "other")
    assert failures == []


def test_the_lease_is_renewed_while_a_job_runs(
    database: SessionFactory, run: Callable[[Handler], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LEASE_SECONDS", 0.3)
    enqueue(database)
    first: list[datetime | None] = []

    def work_long(_: JobContext) -> None:
        first.append(read_job(database).lease_until)
        waiting = threading.Event()
        for _ in range(int(SECONDS * 20)):
            if read_job(database).lease_until != first[0]:
                return
            waiting.wait(0.05)
        raise AssertionError("the lease was not renewed")

    assert run(work_long)
    assert read_job(database).state == "finished"


def test_a_thread_goes_on_after_a_failed_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "POLL_SECONDS", 0.01)
    calls, done = [], threading.Event()

    def step() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("once")
        done.set()
        return False

    thread = BackgroundThread("steps", step)
    thread.start()
    assert done.wait(SECONDS)
    thread.stop()
    thread.join(SECONDS)
