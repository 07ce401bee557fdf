from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank, Rubric, content_hash
from vivavoce.service.api.schemas.gradings.lifecycle import GradingCreate
from vivavoce.service.errors import UnusableRequest
from vivavoce.service.own_rubrics.choice import choose_rubric
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, StoredRubric

from ...rubrics.test_edits import edited
from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION

ANSWER = {"question_id": "quantization", "answer": "Weights are stored in INT8."}


@pytest.fixture
def both(rubric: Rubric) -> Bank:
    """The question in both languages."""
    return Bank([rubric, edited(rubric, "question", "language", value="zh")])


def store_rubric(
    database: SessionFactory,
    rubric: Rubric,
    *,
    version: int = 1,
    status: str = "frozen",
    organisation_id: str = DEFAULT_ORGANISATION,
) -> str:
    """Stores a version of an organisation's rubric; returns its id."""
    moment = clock.now()
    stored = StoredRubric(
        organisation_id=organisation_id,
        question_id=rubric.question.id,
        language=rubric.question.language,
        version=version,
        status=status,
        document=rubric.model_dump(mode="json"),
        content_hash=content_hash(rubric),
        created_at=moment,
        updated_at=moment,
    )
    with database.begin() as session:
        session.add(stored)
    return stored.id


def _variant(rubric: Rubric, text: str) -> Rubric:
    return edited(rubric, "question", "text", value=text)


@pytest.mark.parametrize("given", [{}, {"rubric", "question_id"}, {"rubric_id", "question_id"}])
def test_a_request_names_exactly_one_rubric(
    database: SessionFactory, both: Bank, rubric: Rubric, given: set[str]
) -> None:
    values = {"rubric": rubric, "question_id": "quantization", "rubric_id": "0" * 32}
    request = GradingCreate(answer="INT8", **{name: values[name] for name in given})  # type: ignore[arg-type]
    with database.of(DEFAULT_ORGANISATION)() as session, pytest.raises(UnusableRequest, match="one of the three"):
        choose_rubric(session, both, request)


def test_a_rubric_of_the_request_needs_no_bank(database: SessionFactory, rubric: Rubric) -> None:
    mine = edited(rubric, "question", "id", value="mine")
    with database.of(DEFAULT_ORGANISATION)() as session:
        chosen = choose_rubric(session, Bank([]), GradingCreate(answer="INT8", rubric=mine))
    assert (chosen.rubric, chosen.source) == (mine, "own")


@pytest.mark.parametrize(
    ("answer", "more", "language"),
    [
        ("Weights are stored in INT8.", {}, "en"),
        ("权重以 INT8 保存。", {}, "zh"),
        ("权重以 INT8 保存。", {"language": "en"}, "en"),
        ("Weights are stored in INT8.", {"language": "zh"}, "zh"),
    ],
)
@pytest.mark.parametrize("question_id", ["quantization", "27.1"])
def test_the_answer_chooses_the_language_unless_named(
    database: SessionFactory, both: Bank, answer: str, more: dict[str, Any], language: str, question_id: str
) -> None:
    with database.of(DEFAULT_ORGANISATION)() as session:
        chosen = choose_rubric(session, both, GradingCreate(question_id=question_id, answer=answer, **more))
    assert (chosen.rubric.question.language, chosen.source) == (language, "bank")


def test_the_newest_frozen_rubric_of_the_organisation_comes_first(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    newest = _variant(rubric, "Newest?")
    store_rubric(database, _variant(rubric, "Oldest?"), version=1)
    store_rubric(database, newest, version=2)
    store_rubric(database, _variant(rubric, "Draft?"), version=3, status="draft")
    store_rubric(database, _variant(rubric, "Retired?"), version=4, status="retired")
    reply = api.post("/v1/gradings", json=ANSWER).json()
    assert (reply["rubric_hash"], reply["source"]) == (content_hash(newest), "own")


def test_a_rubric_of_another_organisation_is_not_there(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    make_key_header(database, organisation_id=OTHER_ORGANISATION)
    foreign = store_rubric(database, _variant(rubric, "Theirs?"), organisation_id=OTHER_ORGANISATION)
    reply = api.post("/v1/gradings", json=ANSWER).json()
    assert (reply["rubric_hash"], reply["source"]) == (content_hash(rubric), "bank")
    by_id = api.post("/v1/gradings", json={"rubric_id": foreign, "answer": "INT8"})
    assert (by_id.status_code, by_id.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [("frozen", 202, ""), ("draft", 409, "/freeze"), ("retired", 409, "grades no new answers")],
)
def test_a_stored_rubric_grades_once_it_is_frozen(
    api: TestClient, database: SessionFactory, rubric: Rubric, status: str, code: int, says: str
) -> None:
    rubric_id = store_rubric(database, _variant(rubric, "Mine?"), status=status)
    reply = api.post("/v1/gradings", json={"rubric_id": rubric_id, "answer": "INT8"})
    assert reply.status_code == code
    assert says in (reply.json().get("detail") or "")


def test_a_replay_does_not_ask_whether_the_rubric_still_grades(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    rubric_id = store_rubric(database, _variant(rubric, "Mine?"))
    body, headers = {"rubric_id": rubric_id, "answer": "INT8"}, {"Idempotency-Key": "k"}
    first = api.post("/v1/gradings", json=body, headers=headers)
    with database.begin() as session:
        session.get_one(StoredRubric, rubric_id).status = "retired"
    assert api.post("/v1/gradings", json=body, headers=headers).json() == first.json()
    assert api.post("/v1/gradings", json=body).status_code == 409


def test_an_own_rubric_in_another_language_is_named(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    mine = edited(edited(rubric, "question", "id", value="mine"), "question", "language", value="zh")
    store_rubric(database, mine)
    body = {"question_id": "mine", "answer": "Weights are stored in INT8."}
    reply = api.post("/v1/gradings", json={**body, "language": "en"})
    assert (reply.status_code, "is in language 'zh' only" in reply.json()["detail"]) == (404, True)
    assert api.post("/v1/gradings", json=body).json()["language"] == "zh"


@pytest.mark.parametrize(
    ("metadata", "status", "pointer"),
    [
        ({"job": "7", "面试": "第一轮"}, 202, None),
        ({str(number): "x" * 500 for number in range(16)}, 202, None),
        ({str(number): "x" for number in range(17)}, 422, "/metadata"),
        ({"k" * 41: "x"}, 422, "/metadata/" + "k" * 41),
        ({"": "x"}, 422, "/metadata/"),
        ({"k": "x" * 501}, 422, "/metadata/k"),
        ({"k": 7}, 422, "/metadata/k"),
        ({"k": "a\x00"}, 422, "/metadata/k"),
    ],
)
def test_metadata_comes_back_and_is_bounded(
    api: TestClient, metadata: dict[str, Any], status: int, pointer: str | None
) -> None:
    reply = api.post("/v1/gradings", json={**ANSWER, "metadata": metadata})
    assert reply.status_code == status
    if status == 202:
        assert api.get(reply.headers["Location"]).json()["metadata"] == metadata
    else:
        assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]
