from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.rubrics import Rubric
from vivavoce.service.events.log import EventKind, append_event
from vivavoce.service.events.reading import EventFilter, read_events
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import CohortResult, Event, Grading

from ..samples import change_grading, claim_one, make_report, record_report, submit_answer
from .logs import add_events

WRITERS, EACH = 4, 25


def test_no_reader_skips_an_event_although_one_writer_commits_late(postgres_database: SessionFactory) -> None:
    database, done = postgres_database, threading.Event()

    def write(writer: int) -> None:
        for number in range(EACH if writer else 3):
            with database.begin() as session:
                append_event(
                    session, EventKind.GRADING_GRADED, subject_id=f"{writer}-{number}", organisation_id="default"
                )
                if writer == 0:
                    # Registered later than the writing of the log: the delay comes between insert and commit.
                    sa.event.listen(session, "before_commit", _delay, once=True)

    def read_on() -> list[int]:
        seen: list[int] = []
        while True:
            is_last = done.is_set()
            with database.of("default")() as session:
                batch = read_events(session, EventFilter("default"), seen[-1] if seen else 0, limit=7)
            seen += [event.sequence for event in batch.events]
            if is_last and not batch.has_more:
                return seen

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(read_on)
        for writing in [pool.submit(write, writer) for writer in range(WRITERS)]:
            writing.result()
        done.set()
        assert reader.result() == list(range(1, (WRITERS - 1) * EACH + 3 + 1))


def _delay(_: Session) -> None:
    time.sleep(0.5)


def test_events_say_no_name_and_nothing_of_an_answer(database: SessionFactory, rubric: Rubric) -> None:
    for number in range(50):
        submit_answer(database, rubric, answer=f"planted text {number}", candidate="planted name")
        record_report(database, claim_one(database), make_report())
    for grading_id in _subjects(database):
        change_grading(database, grading_id, _grade_anew_and_cancel)
    with database() as session:
        rows = session.scalars(sa.select(Event)).all()
    assert len(rows) >= 1000
    for row in rows:
        shown = json.dumps([row.kind, row.subject_id, row.cohort_id, row.data])
        assert "planted" not in shown
        assert set(row.data) == {"grading_id", "cohort_id", "reason"}


def _grade_anew_and_cancel(session: Session, grading: Grading) -> None:
    for _ in range(10):
        lifecycle.regrade(session, grading)
        lifecycle.cancel(session, grading)


def _subjects(database: SessionFactory) -> set[str]:
    with database() as session:
        return set(session.scalars(sa.select(Event.subject_id)))


@pytest.mark.parametrize("kind", [EventKind.GRADING_REQUEUED, EventKind.GRADING_REVIEWED])
def test_a_result_that_changes_stands_at_its_new_place_only(database: SessionFactory, kind: EventKind) -> None:
    add_events(database, 3, cohort_id="c")
    with database.begin() as session:
        append_event(session, kind, subject_id="subject-1", organisation_id="default", cohort_id="c")
    with database() as session:
        places = {row.grading_id: row.sequence for row in session.scalars(sa.select(CohortResult))}
    moved = {"subject-1": 4} if kind is EventKind.GRADING_REVIEWED else {}
    assert places == {"subject-0": 1, "subject-2": 3, **moved}
