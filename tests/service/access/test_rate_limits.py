from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vivavoce.service.access import rate_limits
from vivavoce.service.access.caller import Caller
from vivavoce.service.access.rate_limits import RateLimits
from vivavoce.service.access.scopes import Role
from vivavoce.service.errors import TooManyRequests
from vivavoce.service.settings import Settings

from ...servers import RedisServer
from .conftest import BuildApi


class Time:
    """The time of the limits, which only the test moves."""

    def __init__(self) -> None:
        # The first second of a minute.
        self.now = 1_900_000_000.0 - 1_900_000_000 % 60

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock for windows in memory and for pauses of Redis."""
    fixed = Time()
    monkeypatch.setattr("limits.storage.memory.time.time", fixed.time)
    monkeypatch.setattr(rate_limits.time, "monotonic", fixed.monotonic)
    return fixed


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def _caller(key: str = "k", organisation: str = "o") -> Caller:
    return Caller(organisation, key, "test", Role.ADMIN, frozenset())


def _count_allowed(limits: RateLimits, requests: int, **caller: str) -> int:
    return sum(limits.count_request(_caller(**caller))[1] is None for _ in range(requests))


def _fields(api: TestClient) -> tuple[str, str]:
    reply = api.get("/v1/me")
    return reply.headers["ratelimit-policy"], reply.headers["ratelimit"]


def test_every_reply_with_a_key_says_what_is_left(build_api: BuildApi, fixed_time: Time) -> None:
    api = build_api(rate_limit_key=10, rate_limit_organisation=20)
    fixed_time.now += 18
    policies = '"key";q=10;w=60, "organisation";q=20;w=60'
    assert _fields(api) == (policies, '"key";r=9;t=42, "organisation";r=19;t=42')
    assert _fields(api) == (policies, '"key";r=8;t=42, "organisation";r=18;t=42')
    # An error and a reply that the route writes itself, too.
    assert api.get("/v1/gradings/nothing").headers["ratelimit"].startswith('"key";r=7;')
    assert api.get("/v1/questions").headers["ratelimit"].startswith('"key";r=6;')
    for path in ("/healthz", "/docs"):
        assert "ratelimit" not in api.get(path).headers


def test_too_many_requests_of_a_key_get_429_until_the_seconds_in_retry_after(
    build_api: BuildApi, fixed_time: Time
) -> None:
    api = build_api(rate_limit_key=3)
    fixed_time.now += 40
    assert [api.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.get("/v1/me")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_requests"
    assert "This key has sent 3 requests within a minute: send the request again after" in refused.json()["detail"]
    assert '"key";r=0;t=20' in refused.headers["ratelimit"]
    seconds = int(refused.headers["retry-after"])
    # The rest of the window, and a moment of the next in which those before still count.
    assert seconds == 20
    fixed_time.now += seconds - 1
    assert api.get("/v1/me").status_code == 429
    fixed_time.now += 2
    assert api.get("/v1/me").status_code == 200


@pytest.mark.parametrize("quota", [1, 2, 3, 7, 60])
@pytest.mark.parametrize("start", [0, 13, 59.5])
def test_whoever_waits_as_told_gets_through(fixed_time: Time, quota: int, start: float) -> None:
    limits = RateLimits(Settings(rate_limit_key=quota, rate_limit_organisation=0))
    fixed_time.now += start
    for _ in range(4):
        while (refused := limits.count_request(_caller())[1]) is None:
            pass
        fixed_time.now += int(refused.headers["Retry-After"]) + 0.001
        assert limits.count_request(_caller())[1] is None


def test_no_minute_has_more_than_the_quota_twice_at_a_border(fixed_time: Time) -> None:
    limits = RateLimits(Settings(rate_limit_key=100, rate_limit_organisation=0))
    fixed_time.now += 59
    assert _count_allowed(limits, 200) == 100
    fixed_time.now += 2
    # A fixed window would let 100 pass again.
    assert _count_allowed(limits, 200) <= 2


def test_keys_count_apart_and_their_organisation_together(build_api: BuildApi, fixed_time: Time) -> None:
    limits = RateLimits(Settings(rate_limit_key=3, rate_limit_organisation=5))
    assert _count_allowed(limits, 10, key="a") == 3
    # What was refused for its key has not used up the organisation's quota.
    assert _count_allowed(limits, 10, key="b") == 2
    _, refused = limits.count_request(_caller("c"))
    assert refused is not None
    assert "Your organisation has sent 5 requests" in str(refused)
    assert _count_allowed(limits, 10, key="d", organisation="other") == 3


def test_without_quotas_nothing_is_counted(build_api: BuildApi) -> None:
    api = build_api(rate_limit_key=0, rate_limit_organisation=0)
    reply = api.get("/v1/me")
    assert reply.status_code == 200
    assert not {"ratelimit", "ratelimit-policy"} & set(reply.headers)


def test_an_address_without_a_valid_key_is_limited_and_valid_keys_still_work(build_api: BuildApi) -> None:
    api = build_api(rate_limit_failures=3)
    wrong: list[dict[str, Any]] = [{"Authorization": "Bearer x"}, {"Authorization": "Basic eA=="}]
    statuses = [api.get("/v1/me", headers=wrong[number % 2]).status_code for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    refused = api.get("/v1/me", headers=wrong[0])
    assert int(refused.headers["retry-after"]) >= 1
    assert "This address, without a valid key," in refused.json()["detail"]
    assert api.get("/v1/me").status_code == 200
    assert [build_api(rate_limit_failures=0).get("/v1/me", headers=wrong[0]).status_code for _ in range(5)] == [401] * 5


def test_replicas_count_together_in_redis(redis_server: RedisServer) -> None:
    settings = Settings(redis_url=redis_server.url, rate_limit_key=10, rate_limit_organisation=15)
    replicas = [RateLimits(settings), RateLimits(settings)]
    allowed = sum(replicas[number % 2].count_request(_caller())[1] is None for number in range(30))
    assert allowed == 10
    fields, refused = replicas[0].count_request(_caller())
    assert refused is not None
    # The window began with the first request.
    assert 59 <= int(refused.headers["Retry-After"]) <= 61
    assert re.fullmatch('"key";r=0;t=(59|60)', fields["RateLimit"])
    assert _count_allowed(replicas[1], 10, key="b") == 5


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_while_redis_is_away_each_process_counts_for_itself(
    redis_server: RedisServer, way: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Time()
    monkeypatch.setattr(rate_limits.time, "monotonic", clock.monotonic)
    settings = Settings(redis_url=redis_server.url, rate_limit_key=10, rate_limit_organisation=0)
    replicas = [RateLimits(settings), RateLimits(settings)]
    assert _count_allowed(replicas[0], 6) == 6
    redis_server.kill() if way == "killed" else redis_server.freeze()
    with caplog.at_level(logging.WARNING):
        began = time.perf_counter()
        assert [_count_allowed(replica, 30) for replica in replicas] == [10, 10]
        # One request of each waited for Redis, the others did not ask.
        assert time.perf_counter() - began < 2
        # Asked again every five seconds, told of once a minute.
        for _ in range(11):
            clock.now += 5
            replicas[0].count_request(_caller())
        assert caplog.text.count("Redis does not answer") == 2
        clock.now += 5
        replicas[0].count_request(_caller())
        assert caplog.text.count("Redis does not answer") == 3
    assert "each process counts requests for itself" in caplog.text
    redis_server.start() if way == "killed" else redis_server.thaw()
    clock.now += 5
    time.sleep(0.1)
    fields, _ = replicas[0].count_request(_caller("new"))
    assert fields["RateLimit"].startswith('"key";r=9;')
    # Counted in Redis again: the other replica knows of it.
    clock.now += 5
    fields, _ = replicas[1].count_request(_caller("new"))
    assert fields["RateLimit"].startswith('"key";r=8;')


def test_a_broker_that_only_celery_can_read_leaves_counts_to_each_process(caplog: pytest.LogCaptureFixture) -> None:
    limits = RateLimits(Settings(redis_url="sentinel://localhost:26379", rate_limit_key=2))
    assert _count_allowed(limits, 5) == 2
    assert "each process counts requests itself" in caplog.text


def test_a_failure_is_an_error_of_the_address_only(fixed_time: Time) -> None:
    limits = RateLimits(Settings(rate_limit_failures=1))
    limits.count_failure("198.51.100.1")
    limits.count_failure("198.51.100.2")
    with pytest.raises(TooManyRequests):
        limits.count_failure("198.51.100.1")


def test_replies_survive_without_redis(build_api: BuildApi, redis_server: RedisServer) -> None:
    api = build_api(redis_url=redis_server.url)
    assert api.get("/v1/me").status_code == 200
    redis_server.kill()
    assert [api.get("/v1/me").status_code for _ in range(3)] == [200] * 3
