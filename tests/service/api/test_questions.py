from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service.access.scopes import Role
from vivavoce.service.app import warm_up
from vivavoce.service.storage.engine import SessionFactory

from ..keys import make_key_header


def test_questions_are_listed_without_their_key(client: httpx.Client, rubric: Rubric) -> None:
    reply = client.get("/v1/questions")
    (question,) = reply.json()
    assert (question["id"], question["handbook"], question["max_points"]) == ("quantization", "27.1", 10)
    for secret in [*rubric.expected_points, *rubric.references]:
        assert secret.text not in reply.text


def test_questions_can_be_asked_for_in_one_language(client: httpx.Client) -> None:
    assert client.get("/v1/questions", params={"language": "zh"}).json() == []
    assert len(client.get("/v1/questions", params={"language": "en"}).json()) == 1


def test_a_question_shows_what_it_is_worth(api: TestClient, rubric: Rubric) -> None:
    (question,) = api.get("/v1/questions").json()
    assert (question["minutes"], question["topic"], question["difficulty"]) == (5, "inference", "intermediate")
    assert question["rubric_hash"] == content_hash(rubric)
    shown = [(criterion["id"], criterion["kind"], criterion["points"]) for criterion in question["criteria"]]
    assert shown == [
        ("lower", "binary", 4),
        ("methods", "ordinal", 4),
        ("loss", "binary", 2),
        ("wrong", "negative", -2),
    ]


def test_another_language_is_a_problem(api: TestClient) -> None:
    reply = api.get("/v1/questions", params={"language": "fr"})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert "query.language: " in reply.json()["detail"]


def test_an_unchanged_list_is_not_sent_again(api: TestClient) -> None:
    first = api.get("/v1/questions")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, max-age=300"
    for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = api.get("/v1/questions", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert api.get("/v1/questions", headers={"If-None-Match": '"other"'}).status_code == 200
    assert api.get("/v1/questions", params={"language": "zh"}).headers["etag"] != tag


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("", False)],
)
def test_the_list_is_zipped_for_those_who_read_that(api: TestClient, accepted: str, is_zipped: bool) -> None:
    reply = api.get("/v1/questions", headers={"Accept-Encoding": accepted})
    assert ("gzip" in reply.headers.get("content-encoding", "")) is is_zipped
    assert reply.headers["vary"] == "Accept-Encoding, Authorization"
    assert [question["id"] for question in reply.json()] == ["quantization"]


def test_warming_up_changes_no_reply(app: FastAPI, api: TestClient) -> None:
    paths = ("/v1/questions", "/v1/questions?language=zh", "/openapi.json")
    before = [api.get(path).content for path in paths]
    warm_up(app)
    assert [api.get(path).content for path in paths] == before


def _freeze(api: TestClient, rubric: Rubric, **question: object) -> str:
    document = rubric.model_dump(mode="json")
    document["question"] |= {"handbook": None, **question}
    made = api.post("/v1/rubrics", json=document).json()["id"]
    assert api.post(f"/v1/rubrics/{made}/freeze").status_code == 200
    return str(made)


def test_own_rubrics_stand_in_place_of_the_banks_and_beside_them(api: TestClient, rubric: Rubric) -> None:
    before = api.get("/v1/questions").headers["etag"]
    replacing = _freeze(api, rubric)
    added = _freeze(api, rubric, id="own-one", topic="safety", difficulty="advanced", text="Own?")
    reply = api.get("/v1/questions")
    assert reply.headers["etag"] != before
    assert [(q["id"], q["source"], q["rubric_id"]) for q in reply.json()] == [
        ("quantization", "own", replacing),
        ("own-one", "own", added),
    ]
    for secret in [*rubric.expected_points, *rubric.references]:
        assert secret.text not in reply.text


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({"topic": "safety"}, ["own-one"]),
        ({"topic": "inference"}, ["quantization"]),
        ({"difficulty": "advanced"}, ["own-one"]),
        ({"source": "own"}, ["own-one"]),
        ({"source": "bank"}, ["quantization"]),
        ({"source": "own", "topic": "inference"}, []),
        ({"language": "zh"}, []),
    ],
)
def test_questions_are_filtered(api: TestClient, rubric: Rubric, filters: dict[str, str], shown: list[str]) -> None:
    _freeze(api, rubric, id="own-one", topic="safety", difficulty="advanced")
    assert [question["id"] for question in api.get("/v1/questions", params=filters).json()] == shown


def test_a_filtered_list_has_an_etag_too(api: TestClient) -> None:
    first = api.get("/v1/questions", params={"topic": "inference"})
    again = api.get("/v1/questions", params={"topic": "inference"}, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_a_question_is_read_with_the_versions_of_its_rubric(
    api: TestClient, rubric: Rubric, sqlite_database: SessionFactory
) -> None:
    frozen = _freeze(api, rubric)
    draft = api.post("/v1/rubrics", json={"from": {"rubric_id": frozen}}).json()["id"]
    for name in ("quantization", "27.1"):
        question = api.get(f"/v1/questions/{name}").json()
        assert (question["id"], [q["rubric_id"] for q in question["languages"]]) == ("quantization", [frozen])
        assert [version["id"] for version in question["rubrics"]] == [frozen, draft]
    seen = api.get("/v1/questions/quantization", headers=make_key_header(sqlite_database, role=Role.INTEGRATOR))
    assert [version["id"] for version in seen.json()["rubrics"]] == [frozen]
    for secret in [*rubric.expected_points, *rubric.references]:
        assert secret.text not in seen.text


@pytest.mark.parametrize("name", ["nothing", "a%00b", "%E4%B8%AD", "99.9"])
def test_an_unknown_question_is_404(api: TestClient, name: str) -> None:
    reply = api.get(f"/v1/questions/{name}")
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_question")
    assert "GET /v1/questions" in reply.json()["detail"]
