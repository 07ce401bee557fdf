from __future__ import annotations

import getpass
import json
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from vivavoce.graders import AnswerInput, JudgeFailure, Report, UnscoredReason, build_panel, grade
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier
from vivavoce.rubrics import Rubric
from vivavoce.service import audit
from vivavoce.service.audit import Broken, Head, Kind, Verified
from vivavoce.service.errors import UnreadableHead
from vivavoce.service.gradings import lifecycle, submission, sweeping
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.own_rubrics.edits import apply_edit
from vivavoce.service.storage import locks
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.locks import lock_logs
from vivavoce.service.storage.repositories import AuditRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, AuditEvent, State
from vivavoce.service.storage.tables import Report as ReportRow

from ..rubrics.test_edits import edited
from .samples import (
    OTHER_ORGANISATION,
    FixedClock,
    add_organisation,
    bring_to,
    change_grading,
    claim_one,
    make_report,
    record_report,
)

EVENTS = 5
OTHER = {
    "organisation_id": "other",
    "id": 99,
    "at": "2020-01-01 00:00:00.000000",
    "kind": "grading_dead",
    "subject": "nobody",
    "actor": "somebody else",
    "details": '{"number": 77}',
    "previous_hash": "1" * 64,
    "hash": "2" * 64,
}


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def _append(database: SessionFactory, number: int) -> None:
    with database.begin() as session:
        audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject=f"s{number}", details={"number": number, "中": 0.1})


def _verify(database: SessionFactory, kept: Head | None = None) -> Verified | Broken:
    with database() as session:
        return audit.verify(session, kept=kept)


def _head(database: SessionFactory) -> Head:
    with database() as session:
        return audit.head(session)


def _force(database: SessionFactory, *statements: str) -> None:
    """Change the trail as somebody does who owns the database: without its triggers."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER ALL")
        else:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for change in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_event_keeps_rows_{change}")
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def five(database: SessionFactory) -> SessionFactory:
    with database.begin() as session:
        session.execute(sa.text("INSERT INTO organisation (id, created_at) VALUES ('other', '2020-01-01')"))
    for number in range(1, EVENTS + 1):
        _append(database, number)
    return database


def _kinds(database: SessionFactory, subject: str) -> list[tuple[str, dict[str, Any]]]:
    with database() as session:
        events = session.scalars(sa.select(AuditEvent).where(AuditEvent.subject == subject).order_by(AuditEvent.id))
        return [(event.kind, event.details) for event in events]


def test_an_untouched_trail_is_verified(five: SessionFactory) -> None:
    head = _head(five)
    assert _verify(five) == Verified(events=EVENTS, head=head, reports=0, older_reports=0)
    assert _verify(five, Head.parse(str(head))) == _verify(five)


def test_an_empty_trail_has_a_head_too(database: SessionFactory) -> None:
    head = _head(database)
    _append(database, 1)
    assert isinstance(_verify(database, head), Verified)


@pytest.mark.parametrize("field", OTHER)
@pytest.mark.parametrize("number", [1, 3, EVENTS])
def test_an_edit_of_any_field_of_any_event_is_found(five: SessionFactory, field: str, number: int) -> None:
    head = _head(five)
    value = OTHER[field]
    _force(five, f"UPDATE audit_event SET {field} = {value!r} WHERE id = {number}")
    result = _verify(five, head)
    assert isinstance(result, Broken)
    assert result.event == number


def test_an_event_removed_from_the_middle_is_found(five: SessionFactory) -> None:
    _force(five, "DELETE FROM audit_event WHERE id = 3")
    result = _verify(five)
    assert isinstance(result, Broken)
    assert result.problem == "Event 3 is missing: event 4 follows on event 2."


def test_a_kept_head_shows_that_the_end_was_cut(five: SessionFactory) -> None:
    head = _head(five)
    _force(five, "DELETE FROM audit_event WHERE id >= 4")
    assert isinstance(_verify(five), Verified)
    result = _verify(five, head)
    assert isinstance(result, Broken)
    assert "ends with event 3, but event 5 was written" in result.problem


def test_a_kept_head_shows_a_rewritten_trail(five: SessionFactory) -> None:
    head = _head(five)
    _force(five, "DELETE FROM audit_event")
    for number in range(7):
        _append(five, number)
    assert isinstance(_verify(five), Verified)
    result = _verify(five, head)
    assert isinstance(result, Broken)
    assert "Event 5 is not the one that the head names" in result.problem


def test_nonsense_in_a_field_is_found(sqlite_database: SessionFactory) -> None:
    _append(sqlite_database, 1)
    _force(sqlite_database, "UPDATE audit_event SET details = 'nonsense'")
    assert isinstance(_verify(sqlite_database), Broken)


@pytest.mark.parametrize("change", ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"])
def test_the_database_refuses_to_change_events(five: SessionFactory, change: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), five.begin() as session:
        session.execute(sa.text(change))


def test_events_of_a_transaction_that_fails_are_not_written(database: SessionFactory) -> None:
    with database.begin() as session:
        audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="s")
        session.rollback()
    assert _head(database) == Head()


def test_many_at_once_make_one_chain(database: SessionFactory) -> None:
    def work(first: int) -> None:
        for number in range(10):
            _append(database, first + number)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = _verify(database)
    assert isinstance(result, Verified)
    assert result.events == 40


def test_a_frozen_writer_does_not_block_others(
    postgres_database: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_AUDIT_IDLE_MILLISECONDS", 300)
    tries: list[bool] = []

    def freezing(session: Session) -> None:
        audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="frozen")
        tries.append(True)
        if len(tries) == 1:
            lock_logs(session, DEFAULT_ORGANISATION)
            other = threading.Thread(target=_append, args=(postgres_database, 1))
            other.start()
            other.join(20)
            assert not other.is_alive()

    postgres_database.run(freezing)
    assert len(tries) == 2
    result = _verify(postgres_database)
    assert isinstance(result, Verified)
    assert result.events == 2


@pytest.mark.parametrize("text", ["", "12", "x:y", "1:short", f"٣:{'0' * 64}"])
def test_a_text_that_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(UnreadableHead, match="viva audit head"):
        Head.parse(text)


def _report(rubric: Rubric, *, broken: bool = False) -> Report:
    failure = JudgeFailure(UnscoredReason.PARSE, "no verdict")
    judge = ScriptedJudge(lambda _, __: failure if broken else 3.0)
    panel = build_panel(
        embedder=HashingEmbedder(), verifier=WordVerifier(), judge=judge, review=ReviewPolicy(below=0.0)
    )
    return grade([AnswerInput("INT8 instead of FP16")], rubric, panel)[0]


def _graded(database: SessionFactory, rubric: Rubric, *, broken: bool = False) -> str:
    with database.begin() as session:
        grading_id = submission.submit(session, NewAnswer(rubric=rubric, answer="INT8")).grading.id
    with database.begin() as session:
        batch = lifecycle.claim(session, owner="a", limit=1, lease_seconds=60)
        assert batch
        lifecycle.record(session, batch.leases[0], _report(rubric, broken=broken))
    return grading_id


def _change(database: SessionFactory, grading_id: str, change: Callable[..., None]) -> None:
    with database.begin() as session:
        change(session, lifecycle.get(session, grading_id))


def test_every_end_of_a_grading_is_audited(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _graded(database, rubric, broken=True)
    for change in (lifecycle.requeue, lifecycle.requeue, lifecycle.cancel, lifecycle.cancel, lifecycle.requeue):
        _change(database, grading_id, change)
    for _ in range(3):
        with database.begin() as session:
            assert lifecycle.claim(session, owner="gone", limit=1, lease_seconds=60)
        with database.begin() as session:
            sweeping.sweep(session, max_attempts=3, gone=["gone"])
    (failed, details), *rest = _kinds(database, grading_id)
    assert (failed, details["reason"], details["score"]) == ("grading_failed", "parse", None)
    assert rest == [
        ("grading_requeued", {"was": "failed"}),
        ("grading_cancelled", {}),
        ("grading_requeued", {"was": "cancelled"}),
        ("grading_dead", {"attempts": 3}),
    ]
    assert isinstance(_verify(database), Verified)


def test_an_edit_is_audited_with_every_changed_report(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _graded(database, rubric)
    for new in (
        edited(rubric, "criteria", 0, "points", value=1),
        edited(rubric, "criteria", 0, "statement", value="The answer says INT8."),
    ):
        with database.begin() as session:
            apply_edit(session, new)
    counts = [(d["recomputed"], d["stale"], d["regraded"]) for _, d in _kinds(database, rubric.question.id)]
    assert counts == [(1, 0, 0), (0, 1, 0)]
    assert [kind for kind, _ in _kinds(database, grading_id)] == ["report_written"] * 3
    result = _verify(database)
    assert isinstance(result, Verified)
    assert result.reports == 1


def test_a_report_changed_behind_the_trail_is_found(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _graded(database, rubric)
    with database.begin() as session:
        report = session.get_one(ReportRow, grading_id)
        before, report.document = report.document, {**report.document, "score": 10.0}
    result = _verify(database)
    assert isinstance(result, Broken)
    assert result.problem == f"The report of grading {grading_id} is not the one that the trail says was written."
    with database.begin() as session:
        session.get_one(ReportRow, grading_id).document = before
    assert isinstance(_verify(database), Verified)
    with database.begin() as session:
        session.delete(session.get_one(ReportRow, grading_id))
    result = _verify(database)
    assert isinstance(result, Broken)
    assert "is gone" in result.problem


def test_the_score_of_a_report_is_part_of_it(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = _graded(database, rubric)
    with database.begin() as session:
        session.get_one(ReportRow, grading_id).score = 0.125
    assert isinstance(_verify(database), Broken)


def test_hashes_of_earlier_versions_are_the_same(sqlite_database: SessionFactory, fixed_clock: FixedClock) -> None:
    # Another value here would break every trail that exists.
    hashes = (
        "35d71a5b1aa4ed82534e044beb9e75872e83d0342322348f46ab101ec9669fd0",
        "9c3d7cfb08c07e56a9257886cc6347ef3956d34a3182e4a54dbac30897992580",
    )
    for number, digest in enumerate(hashes):
        details = {"中": 0.1, "a": [1, None]}
        with sqlite_database.begin() as session:
            audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject=f"s{number}", details=details, actor="tester")
        assert _head(sqlite_database) == Head(number + 1, digest)
        fixed_clock.moment += timedelta(microseconds=1)
    assert audit.document_hash({"b": 1, "a": "中"}) == (
        "d79ea31202c17c4f666ae61c4dd4dea20998b9098176f7649665690f4d27217e"
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=4))
def test_the_hash_survives_storage_and_another_order(document: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(document, ensure_ascii=False))
    reordered = dict(reversed(list(document.items())))
    assert audit.document_hash(stored) == audit.document_hash(reordered) == audit.document_hash(document)


@pytest.mark.parametrize(
    ("value", "text"), [({"b": 1, "a": [1.5, None]}, '{"a":[1.5,null],"b":1}'), ("中", '"\\u4e2d"'), (True, "true")]
)
def test_canonical_json_is_ascii_without_spaces(value: object, text: str) -> None:
    assert audit.canonical_json(value) == text


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_printed_head_is_parsed_again(number: int, digest: str) -> None:
    assert Head.parse(str(Head(number, digest))) == Head(number, digest)


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(UnreadableHead) as error:
        Head.parse("x" * 500)
    assert len(str(error.value)) < 200


def test_each_organisation_has_its_own_chain(sqlite_database: SessionFactory) -> None:
    add_organisation(sqlite_database)
    with sqlite_database.begin() as session:
        for organisation in (OTHER_ORGANISATION, DEFAULT_ORGANISATION, OTHER_ORGANISATION):
            audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="s", organisation_id=organisation)
    with sqlite_database() as session:
        heads = {name: audit.head(session, organisation_id=name) for name in (DEFAULT_ORGANISATION, OTHER_ORGANISATION)}
        assert {name: head.id for name, head in heads.items()} == {DEFAULT_ORGANISATION: 1, OTHER_ORGANISATION: 2}
        assert isinstance(audit.verify(session, organisation_id=OTHER_ORGANISATION), Verified)
        broken = audit.verify(session, kept=heads[OTHER_ORGANISATION])
        assert isinstance(broken, Broken)


def test_a_savepoint_writes_no_events_itself(sqlite_database: SessionFactory) -> None:
    with sqlite_database.begin() as session:
        with session.begin_nested():
            audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="inner")
        assert audit.head(session) == Head()
        audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="outer")
    with sqlite_database() as session:
        newest = AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=None, limit=9)
    assert [event.subject for event in newest] == ["inner", "outer"]


def test_events_of_a_rolled_back_transaction_do_not_come_later(sqlite_database: SessionFactory) -> None:
    with sqlite_database() as session:
        audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="lost")
        session.execute(sa.text("SELECT 1"))
        session.rollback()
        audit.append_event(session, kind=Kind.BACKUP_TAKEN, subject="kept")
        session.commit()
    assert _kinds(sqlite_database, "lost") == []
    assert _kinds(sqlite_database, "kept") == [("backup_taken", {})]


def test_an_event_names_the_user_of_the_process(sqlite_database: SessionFactory) -> None:
    _append(sqlite_database, 1)
    with sqlite_database() as session:
        (event,) = AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=None, limit=1)
    assert event.actor == f"{getpass.getuser()}@{socket.gethostname()}"[:200]


def test_a_requeued_grading_needs_no_report(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, State.GRADED)
    change_grading(sqlite_database, grading_id, lifecycle.regrade)
    verified = _verify(sqlite_database)
    assert isinstance(verified, Verified)
    assert (verified.events, verified.reports) == (2, 0)


def test_a_report_older_than_the_trail_is_counted_apart(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    bring_to(sqlite_database, rubric, State.GRADED)
    bring_to(sqlite_database, rubric, State.FAILED)
    _force(sqlite_database, "DELETE FROM audit_event WHERE kind = 'grading_failed'")
    verified = _verify(sqlite_database)
    assert isinstance(verified, Verified)
    assert (verified.events, verified.reports, verified.older_reports) == (1, 1, 1)


def test_the_newest_report_of_a_grading_counts(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, State.FAILED)
    change_grading(sqlite_database, grading_id, lifecycle.requeue)
    record_report(sqlite_database, claim_one(sqlite_database), make_report(score=3.0))
    verified = _verify(sqlite_database)
    assert isinstance(verified, Verified)
    assert (verified.events, verified.reports) == (3, 1)


def test_details_of_a_report_carry_hash_and_score() -> None:
    document = {"score": 7.5, "flags": []}
    details = audit.report_details(document, state="graded")
    assert details == {"report_sha256": audit.document_hash(document), "score": 7.5, "state": "graded"}
