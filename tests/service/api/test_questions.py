from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service.app import warm_up


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
