from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi.testclient import TestClient

from vivavoce.service.access.scopes import Role, Scope
from vivavoce.service.api import streams
from vivavoce.service.api.event_watcher import POLL_SECONDS
from vivavoce.service.events.log import EventKind
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Event

from ..events.logs import add_events
from ..keys import make_key_header
from ..samples import add_organisation


def test_events_come_in_pages_that_follow_one_another(api: TestClient, database: SessionFactory) -> None:
    add_events(database, 5)
    first = api.get("/v1/events?limit=3")
    assert [event["sequence"] for event in first.json()["items"]] == [1, 2, 3]
    assert first.json()["has_more"]
    assert first.headers["link"] == '</v1/events?limit=3&after=3>; rel="next"'
    second = api.get(first.headers["link"][1:].partition(">")[0]).json()
    assert [event["sequence"] for event in second["items"]] == [4, 5]
    assert (second["next_after"], second["has_more"], second["newest_sequence"]) == (5, False, 5)
    assert second["items"][0]["kind"] == "grading.graded"


def test_filters_choose_kinds_groups_and_cohorts(api: TestClient, database: SessionFactory) -> None:
    add_events(database, 1)
    add_events(database, 1, kind=EventKind.COHORT_FINISHED, cohort_id="c")
    add_events(database, 1, kind=EventKind.EXPORT_FINISHED)

    def read(query: str) -> list[int]:
        return [event["sequence"] for event in api.get(f"/v1/events?{query}").json()["items"]]

    assert read("kinds=cohort.*,export.finished") == [2, 3]
    assert read("cohort_id=c") == [2]
    # What a filter leaves out counts, so that nobody reads it again.
    assert api.get("/v1/events?kinds=grading.*").json()["next_after"] == 3
    wrong = api.get("/v1/events?kinds=grading.gradet")
    assert wrong.status_code == 422
    assert "did you mean 'grading.graded'?" in wrong.json()["detail"]


def test_another_organisation_has_its_own_log(api: TestClient, database: SessionFactory) -> None:
    add_organisation(database)
    add_events(database, 2)
    add_events(database, 1, organisation_id="other")
    other = make_key_header(database, organisation_id="other")
    assert [event["sequence"] for event in api.get("/v1/events", headers=other).json()["items"]] == [1]
    assert len(api.get("/v1/events").json()["items"]) == 2


def test_events_need_their_scope(api: TestClient, database: SessionFactory) -> None:
    header = make_key_header(database, role=Role.INTEGRATOR, scopes=[Scope.GRADINGS_READ])
    for path in ("/v1/events", "/v1/events/stream"):
        assert api.get(path, headers=header).status_code == 403


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
def test_a_reader_who_comes_too_late_is_told_where_the_log_begins(
    api: TestClient, database: SessionFactory, path: str
) -> None:
    add_events(database, 10)
    with database.begin() as session:
        session.execute(sa.delete(Event).where(Event.sequence < 7))
    gone = api.get(f"{path}?after=5")
    assert (gone.status_code, gone.json()["code"]) == (410, "events_gone")
    assert "after=6" in gone.json()["detail"]
    beyond = api.get(f"{path}?after=11")
    assert (beyond.status_code, beyond.json()["code"]) == (400, "invalid_cursor")
    if path == "/v1/events":
        assert api.get("/v1/events").json()["items"][0]["sequence"] == 7
        assert api.get("/v1/events?after=6").json()["oldest_sequence"] == 7
    else:
        assert api.get(path, headers={"Last-Event-ID": "5"}).status_code == 410
        assert api.get(path, headers={"Last-Event-ID": "five"}).json()["code"] == "invalid_cursor"


def test_a_long_poll_returns_as_soon_as_something_comes(client: httpx.Client, database: SessionFactory) -> None:
    timer = threading.Timer(0.5, add_events, (database, 1))
    timer.start()
    started = time.monotonic()
    reply = client.get("/v1/events?wait=20", timeout=30).json()
    assert [event["sequence"] for event in reply["items"]] == [1]
    assert 0.4 < time.monotonic() - started < 5
    timer.join()
    assert client.get("/v1/events?after=1&wait=0.5").json()["items"] == []


def test_many_waiting_requests_share_one_look_into_the_database(client: httpx.Client, database: SessionFactory) -> None:
    queries: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *parts: queries.append(parts[2]))
    threads = [
        threading.Thread(target=client.get, args=("/v1/events?wait=2",), kwargs={"timeout": 30}) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looks = [query for query in queries if "max(event.sequence)" in query]
    # Each request reads before and after it waits, beside what all wait for.
    assert len(looks) <= 2 * len(threads) + 4 / POLL_SECONDS


def _read_stream(client: httpx.Client, *, after: int | None, count: int) -> Iterator[int]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", "/v1/events/stream", headers=headers, timeout=30) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-accel-buffering"] == "no"
        data = {}
        for line in reply.iter_lines():
            name, _, value = line.partition(": ")
            data[name] = value
            if not line and "data" in data:
                assert json.loads(data["data"])["sequence"] == int(data["id"])
                yield int(data["id"])
                count -= 1
            if not line:
                data = {}
            if not count:
                return


def test_a_reader_killed_every_100_events_misses_none_and_gets_none_twice(
    client: httpx.Client, database: SessionFactory
) -> None:
    writer = threading.Thread(target=add_events, args=(database, 1000))
    writer.start()
    seen: list[int] = []
    while len(seen) < 1000:
        seen += _read_stream(client, after=seen[-1] if seen else None, count=100)
    writer.join()
    assert seen == list(range(1, 1001))


def test_a_key_may_have_few_streams_open(
    client: httpx.Client, database: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STREAMS_OF_A_KEY", 1)
    with client.stream("GET", "/v1/events/stream") as first:
        # Kept: httpx closes a stream whose lines nobody holds.
        lines = first.iter_lines()
        next(lines)
        second = client.get("/v1/events/stream")
        assert (second.status_code, second.json()["code"]) == (429, "too_many_streams")
        assert second.headers["retry-after"]
        other_key = make_key_header(database)
        with client.stream("GET", "/v1/events/stream", headers=other_key) as third:
            assert third.status_code == 200
    deadline = time.monotonic() + 5
    while client.head("/v1/events/stream").status_code != 200:
        assert time.monotonic() < deadline, "a stream that was left still counts"
        time.sleep(0.05)


def test_streams_end_when_the_service_stops(client: httpx.Client, server: uvicorn.Server) -> None:
    with client.stream("GET", "/v1/events/stream", timeout=30) as reply:
        lines = reply.iter_lines()
        next(lines)
        server.should_exit = True
        started = time.monotonic()
        list(lines)
    assert time.monotonic() - started < 3
