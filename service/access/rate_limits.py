"""Limits of requests: by key, by organisation, and by address for requests without a valid key.

Requests are counted in sliding windows of a minute. With Redis all replicas count together. While Redis does not
answer, each process counts for itself, so that no request fails and none is uncounted: at worst callers get the quota
once from each replica.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import redis
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..errors import TooManyRequests
from ..settings import Settings
from .caller import Caller
from .own_counts import OwnCounts

# Within one data centre an answer takes less than a millisecond.
_REDIS_TIMEOUT_SECONDS = 0.25
# Asked at each request, a Redis that is away would delay all.
_REDIS_PAUSE_SECONDS = 5.0
_LOG_SECONDS = 60.0
# What is left is read from Redis this often; between, it is counted down.
_READ_SECONDS = 1.0
_MOST_READ = 10_000
_WINDOW_SECONDS = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Policy:
    """At most `item.amount` requests a minute; `name` stands in the header fields."""

    name: str
    item: RateLimitItem


@dataclass(frozen=True)
class _Use:
    """What a request left of a quota; `reset_seconds` until its window ends, `free_seconds` until one more fits."""

    policy: _Policy
    is_allowed: bool
    remaining: int
    reset_seconds: int
    free_seconds: int


class RateLimits:
    """Counts requests, and refuses those beyond the quotas of the settings. Threads share it."""

    def __init__(self, settings: Settings) -> None:
        self._key = _make_policy("key", settings.rate_limit_key)
        self._organisation = _make_policy("organisation", settings.rate_limit_organisation)
        self._address = _make_policy("address", settings.rate_limit_failures)
        self._own = SlidingWindowCounterRateLimiter(OwnCounts())
        self._shared = _connect_redis(settings.redis_url)
        self._pause_until = self._log_after = 0.0
        self._last_read: dict[tuple[str, str], tuple[float, _Use]] = {}

    @property
    def is_shared(self) -> bool:
        """Whether requests are counted in Redis, which takes a call."""
        return self._shared is not None

    def count_request(self, caller: Caller) -> tuple[Mapping[str, str], TooManyRequests | None]:
        """Counts a request of a key; returns the header fields of its reply, and the error if it is one too many."""
        counted = ((self._key, caller.key_id), (self._organisation, caller.organisation_id))
        uses = []
        for policy, owner in counted:
            if policy is None:
                continue
            uses.append(self._count(policy, owner))
            # What is refused for its key must not use up what others share.
            if not uses[-1].is_allowed:
                break
        refused = next((use for use in uses if not use.is_allowed), None)
        fields = _write_fields([policy for policy, _ in counted if policy], uses)
        return fields, _refuse(refused) if refused else None

    def count_failure(self, address: str) -> None:
        """Counts a request without a valid key. Raises TooManyRequests if its address sent too many."""
        if self._address is None:
            return
        use = self._count(self._address, address)
        if not use.is_allowed:
            raise _refuse(use)

    def _count(self, policy: _Policy, owner: str) -> _Use:
        if self._shared is not None and time.monotonic() >= self._pause_until:
            try:
                return self._count_in_redis(self._shared, policy, owner)
            except redis.RedisError as error:
                self._note_failure(error)
        return _read_use(self._own, policy, owner, is_allowed=self._own.hit(policy.item, policy.name, owner))

    def _count_in_redis(self, limiter: SlidingWindowCounterRateLimiter, policy: _Policy, owner: str) -> _Use:
        """Counts in Redis, with one call instead of two for most requests."""
        is_allowed = limiter.hit(policy.item, policy.name, owner)
        until, last = self._last_read.get((policy.name, owner), (0.0, None))
        now = time.monotonic()
        if is_allowed and last and last.remaining and now < until:
            use = replace(last, remaining=last.remaining - 1)
        else:
            use, until = _read_use(limiter, policy, owner, is_allowed=is_allowed), now + _READ_SECONDS
        if len(self._last_read) > _MOST_READ:
            self._last_read.clear()
        self._last_read[policy.name, owner] = until, use
        return use

    def _note_failure(self, error: redis.RedisError) -> None:
        now = time.monotonic()
        self._pause_until = now + _REDIS_PAUSE_SECONDS
        if now >= self._log_after:
            self._log_after = now + _LOG_SECONDS
            # The class alone: the message may contain the address.
            _log.warning("Redis does not answer (%s): each process counts requests for itself", type(error).__name__)


def _make_policy(name: str, quota: int) -> _Policy | None:
    return _Policy(name, RateLimitItemPerMinute(quota, namespace="viva-requests")) if quota else None


def _connect_redis(url: str) -> SlidingWindowCounterRateLimiter | None:
    """Returns the limiter that counts in Redis; None without a URL, and for one that only Celery can read."""
    if not url:
        return None
    try:
        pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=_REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        _log.warning("VIVA_REDIS_URL begins with neither redis:// nor rediss://: each process counts requests itself")
        return None
    return SlidingWindowCounterRateLimiter(RedisStorage(url, connection_pool=pool))


def _read_use(limiter: SlidingWindowCounterRateLimiter, policy: _Policy, owner: str, *, is_allowed: bool) -> _Use:
    item, storage = policy.item, limiter.storage
    assert isinstance(storage, MemoryStorage | RedisStorage)
    before, before_seconds, now, now_seconds = storage.get_sliding_window(
        item.key_for(policy.name, owner), _WINDOW_SECONDS
    )
    # A counter outlives its window by one window.
    left_seconds = max(now_seconds - _WINDOW_SECONDS, 0.0)
    weighted = before * before_seconds / _WINDOW_SECONDS + now
    return _Use(
        policy,
        is_allowed,
        remaining=max(item.amount - math.floor(weighted), 0) if is_allowed else 0,
        reset_seconds=max(math.ceil(left_seconds), 1),
        free_seconds=max(math.ceil(_find_free_seconds(item.amount, before, before_seconds, now, left_seconds)), 1),
    )


def _find_free_seconds(quota: int, before: int, before_seconds: float, now: int, left_seconds: float) -> float:
    """Returns the seconds until one more request fits.

    The requests of the window before weigh less and less; when this window ends, its own begin to.
    """
    if before and now < quota:
        return max(before_seconds - (quota - now) * _WINDOW_SECONDS / before, 0.0)
    return left_seconds + (_WINDOW_SECONDS * max(1 - quota / now, 0.0) if now else 0.0)


def _write_fields(policies: list[_Policy], uses: list[_Use]) -> dict[str, str]:
    """Returns the fields of draft-ietf-httpapi-ratelimit-headers, which are lists of structured fields."""
    if not uses:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{p.name}";q={p.item.amount};w={_WINDOW_SECONDS}' for p in policies),
        "RateLimit": ", ".join(f'"{use.policy.name}";r={use.remaining};t={use.reset_seconds}' for use in uses),
    }


def _refuse(use: _Use) -> TooManyRequests:
    whose = {"key": "This key", "organisation": "Your organisation", "address": "This address, without a valid key,"}
    message = (
        f"{whose[use.policy.name]} has sent {use.policy.item.amount} requests within a minute: send the request again "
        f"after {use.free_seconds} s, and wait for results with ?wait= instead of asking again and again."
    )
    return TooManyRequests(message, retry_seconds=use.free_seconds)
