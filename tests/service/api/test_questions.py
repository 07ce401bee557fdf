from __future__ import annotations

import httpx
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric, content_hash


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
