from __future__ import annotations

from datetime import timedelta

import pytest

from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service import audit
from vivavoce.service.audit import Kind
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import (
    AuditRepository,
    GradingRepository,
    OutboxRepository,
    ReportRepository,
    RubricVersionRepository,
)
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, State

from ...rubrics.test_edits import edited
from ..samples import (
    OTHER_ORGANISATION,
    FixedClock,
    add_organisation,
    bring_to,
    claim_batch,
    claim_one,
    make_report,
    record_report,
    submit_answer,
    sweep_gone,
)


def test_a_grading_is_found_in_its_organisation_only(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(database, rubric)
    with database() as session:
        repository = GradingRepository(session)
        assert repository.by_id(grading_id, organisation_id=DEFAULT_ORGANISATION)
        assert repository.by_id(grading_id, organisation_id=OTHER_ORGANISATION) is None
        assert (repository.has_grading(grading_id), repository.has_grading("nope")) == (True, False)


def test_equal_times_are_ordered_by_identifier(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    ids = sorted((letter * 32 for letter in "cab"), reverse=True)
    for grading_id in ids:
        submit_answer(database, rubric, id=grading_id)
    batch = claim_batch(database)
    assert batch
    assert [lease.grading_id for lease in batch.leases] == sorted(ids)


def test_a_batch_passes_over_those_that_come_alone(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    crashed = submit_answer(database, rubric, priority=lifecycle.BATCH)
    claim_one(database)
    sweep_gone(database, "w")
    fresh = [submit_answer(database, rubric) for _ in range(2)]
    first, second = claim_batch(database), claim_batch(database)
    assert first
    assert {lease.grading_id for lease in first.leases} == set(fresh)
    assert second
    assert [lease.grading_id for lease in second.leases] == [crashed]


def test_the_document_of_a_rubric_comes_with_the_claim(database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(database, rubric)
    with database() as session:
        grading = GradingRepository(session).next_waiting(FixedClock().moment)
    assert grading
    # Outside of its session, only what was loaded can be read.
    assert grading.rubric_version.document["question"]["id"] == "quantization"


def test_owners_are_the_workers_with_leases(database: SessionFactory, rubric: Rubric) -> None:
    for owner in ("a", "a", "b", "gone"):
        submit_answer(database, rubric)
        claim_one(database, owner=owner)
    sweep_gone(database, "gone")
    with database() as session:
        repository = GradingRepository(session)
        assert sorted(repository.owners()) == ["a", "b"]
        assert [len(repository.held_by(owner)) for owner in ("a", "b", "gone")] == [2, 1, 0]


def test_gradings_in_a_state_come_oldest_first(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    ids = []
    for _ in range(3):
        ids.append(submit_answer(database, rubric))
        fixed_clock.advance(1)
    with database() as session:
        repository = GradingRepository(session)
        assert [grading.id for grading in repository.in_state(State.QUEUED, limit=2)] == ids[:2]
        assert repository.in_state(State.DEAD, limit=2) == []


def test_only_finished_gradings_have_reports_to_edit(database: SessionFactory, rubric: Rubric) -> None:
    expected = {bring_to(database, rubric, state)[0] for state in (State.GRADED, State.NEEDS_REVIEW, State.FAILED)}
    for state in (State.DEAD, State.CANCELLED, State.RUNNING):
        bring_to(database, rubric, state)
    bring_to(database, edited(rubric, "criteria", 0, "points", value=3), State.GRADED)
    with database() as session:
        version = RubricVersionRepository(session).by_content(
            content_hash(rubric), organisation_id=DEFAULT_ORGANISATION
        )
        assert version
        assert {grading.id for grading in GradingRepository(session).finished_by(version.id)} == expected


def test_counts_and_ages_of_an_empty_queue(database: SessionFactory) -> None:
    with database() as session:
        repository = GradingRepository(session)
        assert (repository.counts_by_state(), repository.oldest_open()) == ({}, None)
        assert repository.next_waiting(FixedClock().moment) is None


def test_versions_of_a_question_come_oldest_first(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    versions = [edited(rubric, "criteria", 0, "points", value=points) for points in (3, 2, 1)]
    versions.append(edited(rubric, "question", "language", value="zh"))
    for version in versions:
        submit_answer(database, version)
        fixed_clock.advance(1)
    with database() as session:
        stored = RubricVersionRepository(session).of_question(
            "quantization", "en", organisation_id=DEFAULT_ORGANISATION
        )
    assert [version.document["criteria"][0]["points"] for version in stored] == [3, 2, 1]


def test_reports_are_read_by_grading(database: SessionFactory, rubric: Rubric) -> None:
    ids = ["b" * 32, "a" * 32]
    for grading_id, score in zip(ids, (2.0, 3.0), strict=True):
        submit_answer(database, rubric, id=grading_id)
        record_report(database, claim_one(database), make_report(score=score))
    with database() as session:
        rows = [(grading_id, score) for grading_id, score, _ in ReportRepository(session).in_order("default")]
        assert list(ReportRepository(session).in_order(OTHER_ORGANISATION)) == []
    assert rows == [("a" * 32, 3.0), ("b" * 32, 2.0)]


def test_messages_are_found_by_age_and_deleted_once_published(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    ids = []
    for _ in range(3):
        ids.append(submit_answer(database, rubric))
        fixed_clock.advance(1)
    with database.begin() as session:
        outbox = OutboxRepository(session)
        before = fixed_clock.moment - timedelta(seconds=1)
        assert [message.grading_id for message in outbox.find_unpublished(before, limit=9)] == ids[:2]
        assert [message.grading_id for message in outbox.find_unpublished(before, limit=1)] == ids[:1]
        outbox.mark_published([ids[0], "unknown"])
        assert [message.grading_id for message in outbox.find_unpublished(before, limit=9)] == ids[1:2]


@pytest.fixture
def six_events(database: SessionFactory) -> SessionFactory:
    add_organisation(database)
    for number in range(6):
        with database.begin() as session:
            audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject=f"s{number % 2}", details={"n": number})
    return database


@pytest.mark.parametrize(
    ("subject", "limit", "numbers"),
    [(None, 2, [4, 5]), (None, 99, [0, 1, 2, 3, 4, 5]), ("s1", 2, [3, 5]), ("s2", 9, [])],
)
def test_the_newest_events_come_in_their_order(
    six_events: SessionFactory, subject: str | None, limit: int, numbers: list[int]
) -> None:
    with six_events() as session:
        newest = AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=subject, limit=limit)
    assert [event.details["n"] for event in newest] == numbers


def test_events_can_be_left_early(six_events: SessionFactory) -> None:
    with six_events() as session:
        events = AuditRepository(session).in_order(DEFAULT_ORGANISATION)
        assert next(events).id == 1
        events.close()
        assert AuditRepository(session).read_head(DEFAULT_ORGANISATION)
        assert AuditRepository(session).read_head(OTHER_ORGANISATION) is None
