from __future__ import annotations

import httpx

from vivavoce.rubrics import Rubric


def test_questions_are_listed_without_their_key(client: httpx.Client, rubric: Rubric) -> None:
    reply = client.get("/v1/questions")
    (question,) = reply.json()
    assert (question["id"], question["handbook"], question["max_points"]) == ("quantization", "27.1", 10)
    for secret in [*rubric.expected_points, *rubric.references]:
        assert secret.text not in reply.text


def test_questions_can_be_asked_for_in_one_language(client: httpx.Client) -> None:
    assert client.get("/v1/questions", params={"language": "zh"}).json() == []
    assert len(client.get("/v1/questions", params={"language": "en"}).json()) == 1
