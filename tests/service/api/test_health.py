from __future__ import annotations

import httpx


def test_the_process_says_that_it_is_alive(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_names_the_parts_and_the_queue(client: httpx.Client) -> None:
    before = client.get("/readyz").json()
    assert (before["ready"], before["database"], before["judge"], before["queue"]) == (True, "ok", "ok", {})
    client.post("/v1/gradings", json={"question_id": "27.1", "answer": "INT8", "language": "en"})
    after = client.get("/readyz").json()
    assert after["queue"] == {"queued": 1}
    assert after["oldest_open_seconds"] >= 0


def test_the_documentation_describes_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/v1/gradings", "/v1/gradings/{grading_id}", "/v1/questions", "/healthz", "/readyz"}
    assert client.get("/docs").status_code == 200
