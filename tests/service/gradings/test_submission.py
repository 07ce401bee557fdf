from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from vivavoce.graders import answer_hash
from vivavoce.rubrics import Rubric, content_hash, structure_hash
from vivavoce.service.errors import DraftRubric, IdempotencyMismatch
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import (
    DEFAULT_ORGANISATION,
    Grading,
    IdempotencyKey,
    OutboxMessage,
    RubricVersion,
    State,
    Submission,
)

from ...rubrics.test_edits import edited
from ..samples import OTHER_ORGANISATION, FixedClock, add_organisation, read_grading, submit_answer


def _count(database: SessionFactory, table: type) -> int:
    with database() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _submit(database: SessionFactory, new: NewAnswer, **more: Any) -> tuple[str, bool]:
    with database.begin() as session:
        submitted = submission.submit(session, new, **more)
        return submitted.grading.id, submitted.is_repeated


def test_everything_about_an_answer_is_stored(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    grading_id = submit_answer(
        database,
        rubric,
        "量化 INT8",
        candidate="候选人 1",
        feedback_language="zh",
        priority=lifecycle.BATCH,
        request_id="r",
    )
    grading = read_grading(database, grading_id)
    assert (grading.state, grading.priority, grading.request_id) == (State.QUEUED, lifecycle.BATCH, "r")
    assert (grading.attempt, grading.judge_attempts, grading.fencing_token) == (0, 0, 0)
    assert grading.created_at == grading.updated_at == fixed_clock.moment
    stored = grading.submission
    assert (stored.answer, stored.candidate, stored.feedback_language) == ("量化 INT8", "候选人 1", "zh")
    assert stored.answer_hash == answer_hash("量化 INT8")


def test_a_rubric_version_has_its_hashes_and_document(database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(database, rubric)
    with database() as session:
        version = session.scalars(sa.select(RubricVersion)).one()
        assert (version.question_id, version.language) == ("quantization", "en")
        assert (version.content_hash, version.structure_hash) == (content_hash(rubric), structure_hash(rubric))
        assert Rubric.model_validate(version.document) == rubric


def test_an_edited_rubric_is_another_version(database: SessionFactory, rubric: Rubric) -> None:
    for points in (4, 3, 4):
        submit_answer(database, edited(rubric, "criteria", 0, "points", value=points))
    assert _count(database, RubricVersion) == 2


def test_a_draft_stores_nothing(database: SessionFactory, rubric: Rubric) -> None:
    with pytest.raises(DraftRubric, match="'quantization' is a draft: freeze it"):
        submit_answer(database, edited(rubric, "status", value="draft"))
    assert [_count(database, table) for table in (Submission, Grading, OutboxMessage)] == [0, 0, 0]


def test_the_hash_of_a_request_keeps_its_form(rubric: Rubric) -> None:
    new = NewAnswer(rubric=rubric, answer="量化", candidate="c-1", feedback_language="zh")
    parts = json.dumps([content_hash(rubric), "量化", "c-1", "zh"], ensure_ascii=False)
    assert new.request_hash() == hashlib.sha256(parts.encode("utf-8")).hexdigest()


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"answer": "INT4"}, False),
        ({"candidate": "c-2"}, False),
        ({"candidate": None}, False),
        ({"feedback_language": "zh"}, False),
        ({"priority": lifecycle.BATCH}, True),
        ({"request_id": "r-2"}, True),
        ({"id": "0" * 32}, True),
    ],
)
def test_a_key_stands_for_what_decides_the_grading(
    database: SessionFactory, rubric: Rubric, change: dict[str, Any], is_same: bool
) -> None:
    first = NewAnswer(rubric=rubric, answer="INT8", candidate="c-1", idempotency_key="k")
    grading_id, _ = _submit(database, first)
    second = replace(first, **{"id": "1" * 32, **change})
    if is_same:
        assert _submit(database, second) == (grading_id, True)
    else:
        with pytest.raises(IdempotencyMismatch, match="use a new key for a new request"):
            _submit(database, second)
    assert _count(database, Grading) == 1


def test_a_key_with_another_rubric_is_refused(database: SessionFactory, rubric: Rubric) -> None:
    first = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k")
    _submit(database, first)
    with pytest.raises(IdempotencyMismatch):
        _submit(database, replace(first, rubric=edited(rubric, "criteria", 0, "points", value=3)))


def test_a_hash_of_the_body_decides_where_there_is_one(database: SessionFactory, rubric: Rubric) -> None:
    first = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k", body_hash="a" * 64)
    grading_id, _ = _submit(database, first)
    newer_rubric = edited(rubric, "criteria", 0, "points", value=3)
    assert _submit(database, replace(first, id="1" * 32, rubric=newer_rubric)) == (grading_id, True)
    with pytest.raises(IdempotencyMismatch):
        _submit(database, replace(first, id="1" * 32, body_hash="b" * 64))


def test_a_key_of_a_time_before_bodies_were_hashed_is_still_known(database: SessionFactory, rubric: Rubric) -> None:
    first = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k")
    grading_id, _ = _submit(database, first)
    assert _submit(database, replace(first, id="1" * 32, body_hash="a" * 64)) == (grading_id, True)


@pytest.mark.parametrize("key", [None, "k"])
def test_a_repeated_commit_is_not_a_repeated_request(database: SessionFactory, rubric: Rubric, key: str | None) -> None:
    new = NewAnswer(rubric=rubric, answer="INT8", idempotency_key=key)
    assert [_submit(database, new) for _ in range(2)] == [(new.id, False)] * 2
    assert [_count(database, table) for table in (Submission, Grading, OutboxMessage)] == [1, 1, 1]


def test_without_a_key_equal_answers_are_two_gradings(database: SessionFactory, rubric: Rubric) -> None:
    assert submit_answer(database, rubric) != submit_answer(database, rubric)
    assert _count(database, IdempotencyKey) == 0


def test_a_key_still_leads_to_a_finished_grading(database: SessionFactory, rubric: Rubric) -> None:
    new = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k")
    grading_id, _ = _submit(database, new)
    with database.begin() as session:
        lifecycle.cancel(session, lifecycle.get(session, grading_id))
    assert _submit(database, replace(new, id="1" * 32)) == (grading_id, True)
    assert State(read_grading(database, grading_id).state) is State.CANCELLED


def test_keys_and_versions_belong_to_an_organisation(database: SessionFactory, rubric: Rubric) -> None:
    add_organisation(database)
    new = NewAnswer(rubric=rubric, answer="INT8", idempotency_key="k")
    own_id, _ = _submit(database, new, organisation_id=DEFAULT_ORGANISATION)
    other_id, repeated = _submit(database, replace(new, id="1" * 32), organisation_id=OTHER_ORGANISATION)
    assert (other_id != own_id, repeated) == (True, False)
    assert _count(database, RubricVersion) == 2
