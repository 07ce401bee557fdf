from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vivavoce.graders import answer_hash
from vivavoce.rubrics import Bank, Rubric, content_hash
from vivavoce.service.access.scopes import Scope
from vivavoce.service.app import create_app
from vivavoce.service.notifier import EventNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import ApiKey, Grading, OutboxMessage, RubricVersion, State, Submission

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, read_grading

ANSWER = {"question_id": "quantization", "answer": "INT8 instead of FP16", "candidate": "c-1", "metadata": {"job": "7"}}


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


@pytest.fixture
def open_api(
    settings: Settings, database: SessionFactory, bank: Bank, notifier: EventNotifier
) -> Callable[..., TestClient]:
    """Opens a client of a replica of its own, with a new key of an organisation or with the header given."""

    def run(header: dict[str, str] | None = None, **key: Any) -> TestClient:
        app = create_app(settings, sessions=database, bank=bank, notifier=notifier, judge_status=lambda: "ok")
        return TestClient(app, raise_server_exceptions=False, headers=header or make_key_header(database, **key))

    return run


def _count(database: SessionFactory, table: type) -> int:
    with database() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _change_key(database: SessionFactory, **values: Any) -> None:
    with database.begin() as session:
        session.execute(sa.update(ApiKey).values(**values))


def test_the_first_answer_to_a_question_and_the_next_are_stored_alike(
    open_api: Callable[..., TestClient], database: SessionFactory, rubric: Rubric
) -> None:
    api = open_api()
    for number in range(3):
        sent = {**ANSWER, "answer": f"INT8 number {number}", "priority": "batch", "feedback_language": "zh"}
        reply = api.post("/v1/gradings", json=sent, headers={"X-Request-ID": f"r{number}"})
        assert reply.status_code == 202
        shown = reply.json()
        grading = read_grading(database, shown["id"])
        assert (grading.state, grading.priority, grading.attempt, grading.fencing_token) == (State.QUEUED, 0, 0, 0)
        assert (grading.judge_attempts, grading.rubric_source, grading.request_id) == (0, "bank", f"r{number}")
        assert grading.caller_metadata == {"job": "7"}
        assert grading.created_at == grading.updated_at
        stored = grading.submission
        assert (stored.answer, stored.candidate, stored.feedback_language) == (sent["answer"], "c-1", "zh")
        assert stored.answer_hash == answer_hash(stored.answer)
        assert grading.rubric_version.content_hash == shown["rubric_hash"] == content_hash(rubric)
        # What is told at once is what is read later.
        assert api.get(reply.headers["Location"]).json() == shown
    assert [_count(database, table) for table in (Submission, OutboxMessage, RubricVersion)] == [3, 3, 1]


def test_texts_may_be_anything_that_a_database_can_store(
    open_api: Callable[..., TestClient], database: SessionFactory
) -> None:
    api = open_api()
    text = "量化 %(new_id)s ' \" \\ ; -- :x \u2028 😀"
    for _ in range(2):
        reply = api.post(
            "/v1/gradings",
            json={"question_id": "quantization", "language": "en", "answer": text, "metadata": {text[:40]: text}},
        )
        grading = read_grading(database, reply.json()["id"])
        assert (grading.submission.answer, grading.caller_metadata) == (text, {text[:40]: text})
        assert grading.submission.candidate is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"revoked_at": sa.func.coalesce(ApiKey.revoked_at, ApiKey.created_at)}, "was revoked"),
        ({"expires_at": ApiKey.created_at}, "expired on"),
    ],
)
def test_a_key_that_ended_elsewhere_stores_nothing_at_once(
    open_api: Callable[..., TestClient], database: SessionFactory, values: dict[str, Any], words: str
) -> None:
    api = open_api()
    assert [api.post("/v1/gradings", json=ANSWER).status_code for _ in range(2)] == [202, 202]
    # Another replica writes it, so that this one is told nothing.
    _change_key(database, **values)
    reply = api.post("/v1/gradings", json=ANSWER)
    assert (reply.status_code, reply.json()["code"]) == (401, "invalid_key")
    assert words in reply.json()["detail"]
    repeated = api.post("/v1/gradings", json=ANSWER, headers={"Idempotency-Key": "k"})
    assert repeated.status_code == 401
    assert _count(database, Grading) == 2


@pytest.mark.parametrize("form", ["{}", "Basic {}", "Bearer{}", "Bearer {}x", "Bearer"])
def test_a_key_that_was_just_used_still_has_to_be_sent_in_its_form(
    open_api: Callable[..., TestClient], database: SessionFactory, form: str
) -> None:
    api = open_api()
    assert api.post("/v1/gradings", json=ANSWER).status_code == 202
    header = form.format(api.headers["authorization"].removeprefix("Bearer "))
    assert api.post("/v1/gradings", json=ANSWER, headers={"Authorization": header}).status_code == 401
    assert _count(database, Grading) == 1


def test_the_scope_of_a_key_that_was_just_used_counts(
    open_api: Callable[..., TestClient], database: SessionFactory
) -> None:
    api = open_api(scopes=[Scope.GRADINGS_READ])
    assert api.get("/v1/gradings").status_code == 200
    assert [api.post("/v1/gradings", json=ANSWER).status_code for _ in range(2)] == [403, 403]
    assert _count(database, Grading) == 0


def test_requests_of_a_key_that_was_just_used_are_counted(
    settings: Settings, database: SessionFactory, bank: Bank, notifier: EventNotifier
) -> None:
    few = settings.model_copy(update={"rate_limit_key": 3})
    app = create_app(few, sessions=database, bank=bank, notifier=notifier, judge_status=lambda: "ok")
    api = TestClient(app, headers=make_key_header(database))
    replies = [api.post("/v1/gradings", json=ANSWER) for _ in range(5)]
    assert [reply.status_code for reply in replies] == [202, 202, 202, 429, 429]
    assert ['"key";r=' in reply.headers["RateLimit"] for reply in replies] == [True] * 5


def test_a_stored_reply_is_not_given_to_a_key_that_has_ended(
    open_api: Callable[..., TestClient], database: SessionFactory
) -> None:
    api = open_api()
    headers = {"Idempotency-Key": "once"}
    assert api.post("/v1/gradings", json=ANSWER, headers=headers).status_code == 202
    _change_key(database, revoked_at=clock.now() - timedelta(seconds=1))
    assert api.post("/v1/gradings", json=ANSWER, headers=headers).status_code == 401


def test_organisations_have_versions_of_their_own(
    open_api: Callable[..., TestClient], database: SessionFactory
) -> None:
    first, second = open_api(), open_api(organisation_id=OTHER_ORGANISATION)
    for _ in range(2):
        own, other = (api.post("/v1/gradings", json=ANSWER).json()["id"] for api in (first, second))
        assert second.get(f"/v1/gradings/{own}").status_code == 404
        with database() as session:
            grading = session.get_one(Grading, other)
            assert grading.organisation_id == grading.submission.organisation_id == OTHER_ORGANISATION
            assert grading.rubric_version.organisation_id == OTHER_ORGANISATION
            assert session.get_one(OutboxMessage, other).organisation_id == OTHER_ORGANISATION
    assert _count(database, RubricVersion) == 2


def test_a_frozen_rubric_of_the_organisation_grades_from_then_on(
    open_api: Callable[..., TestClient], rubric: Rubric
) -> None:
    api, other = open_api(), open_api(organisation_id=OTHER_ORGANISATION)
    for client in (api, other):
        assert client.post("/v1/gradings", json=ANSWER).json()["source"] == "bank"
    made = api.post("/v1/rubrics", json={**rubric.model_dump(mode="json", exclude_none=True), "status": "draft"})
    assert made.status_code == 201, made.text
    frozen = api.post(f"/v1/rubrics/{made.json()['id']}/freeze", headers={"If-Match": made.headers["ETag"]})
    assert frozen.status_code == 200, frozen.text
    assert api.post("/v1/gradings", json=ANSWER).json()["source"] == "own"
    assert other.post("/v1/gradings", json=ANSWER).json()["source"] == "bank"


def test_an_answer_whose_storing_was_not_confirmed_is_one_grading(
    open_api: Callable[..., TestClient], database: SessionFactory
) -> None:
    api = open_api()
    assert api.post("/v1/gradings", json=ANSWER).status_code == 202
    lost = 0

    def lose_reply(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        nonlocal lost
        if "INTO outbox" in statement and not lost:
            lost += 1
            raise sa.exc.OperationalError("statement", {}, Exception("server closed the connection"))

    sa.event.listen(database.engine, "after_cursor_execute", lose_reply)
    reply = api.post("/v1/gradings", json=ANSWER)
    sa.event.remove(database.engine, "after_cursor_execute", lose_reply)
    assert (reply.status_code, lost) == (202, 1)
    assert _count(database, Grading) == 2
    assert api.get(reply.headers["Location"]).json() == reply.json()
