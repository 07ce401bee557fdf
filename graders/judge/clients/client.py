"""The HTTP client of judges: OpenAI's chat-completions protocol, to one server or several."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import purgatory
import tenacity
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from purgatory.domain.model import HALF_OPENED, OpenedState

from ...errors import JudgeFailure, UnscoredReason
from ..budget import CallBudget, current_budget, reserve_call
from ..call_record import Prices
from ..verdict import read_usage
from .addresses import hide_credentials
from .client_failures import (
    Busy,
    build_connection_failure,
    build_key_failure,
    check_status,
    is_free,
    is_server_failure,
    is_worth_retrying,
)

# Failures in a row, and seconds without calls before one request tries again.
CIRCUIT_FAILURES = 5
CIRCUIT_SECONDS = 5.0
_MAX_TRIES = 3
_CONNECT_SECONDS = 5.0
_MAX_RETRY_AFTER_SECONDS = 10.0
# No verdict is longer.
_MAX_REPLY_BYTES = 4 * 1024 * 1024
_CHAT = "/v1/chat/completions"
_tracer = trace.get_tracer("vivavoce")
_trace_context = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class Deadlines:
    """`try_seconds` bounds one try at one server, `call_seconds` all tries for one prompt together."""

    try_seconds: float
    call_seconds: float


@dataclass(frozen=True)
class Answered:
    """A server's reply, with the seconds it took and the server's address."""

    reply: dict[str, Any]
    seconds: float
    url: str


class JudgeClient:
    """Connection pools to the servers of one model.

    Prompts with the same prefix go to the same server while it works, so that its prefix cache is used. A call that
    fails is retried at the next server, or at the only one. Servers that keep failing are skipped (circuit breaker).
    """

    def __init__(
        self,
        base_urls: Sequence[str],
        *,
        deadlines: Deadlines,
        api_key: str | None = None,
        prices: Prices | None = None,
        circuit_seconds: float = CIRCUIT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._deadlines = deadlines
        self._prices = prices or Prices()
        self._servers = {
            url.rstrip("/"): httpx.AsyncClient(
                base_url=url.rstrip("/"),
                headers=headers,
                timeout=httpx.Timeout(deadlines.try_seconds, connect=_CONNECT_SECONDS),
                # The judging session bounds the requests in flight.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
                trust_env=False,
                transport=transport,
            )
            for url in base_urls
        }
        self._circuits = purgatory.AsyncCircuitBreakerFactory(
            default_threshold=CIRCUIT_FAILURES,
            default_ttl=circuit_seconds,
            exclude=[(JudgeFailure, lambda failure: not is_server_failure(failure))],
        )
        self._last_failures: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for http in self._servers.values():
            await http.aclose()

    def in_order_for(self, prefix_key: str) -> list[str]:
        """The servers in the order in which a prefix tries them: highest random weight first.

        A server that is added or removed moves only its own prefixes (Thaler and Ravishankar 1998).
        """
        return sorted(self._servers, key=lambda url: hashlib.sha256(f"{prefix_key}\x00{url}".encode()).digest())

    async def ask(self, body: dict[str, Any], *, prefix_key: str) -> Answered:
        """The reply to a chat-completion request; raises JudgeFailure."""
        return await self.post(_CHAT, body, prefix_key=prefix_key)

    async def post(self, path: str, body: dict[str, Any], *, prefix_key: str) -> Answered:
        """The JSON object in reply to a POST; raises JudgeFailure within the deadline of a call."""
        order = self.in_order_for(prefix_key)
        until = time.monotonic() + self._deadlines.call_seconds
        failures = 0

        def is_last_try(state: tenacity.RetryCallState) -> bool:
            assert state.outcome
            error = state.outcome.exception()
            out_of_time = time.monotonic() + state.upcoming_sleep >= until
            # A busy server is waited for until the deadline.
            return out_of_time or (not isinstance(error, Busy) and failures >= max(_MAX_TRIES, len(order)))

        async for attempt in tenacity.AsyncRetrying(
            stop=is_last_try,
            wait=_wait_before_retry,
            retry=tenacity.retry_if_exception(lambda error: is_worth_retrying(error, servers=len(order))),
            reraise=True,
        ):
            with attempt:
                url = order[(attempt.retry_state.attempt_number - 1) % len(order)]
                left = until - time.monotonic()
                try:
                    return await self._post_through_circuit(url, path, body, prefix_key=prefix_key, seconds=left)
                except JudgeFailure:
                    failures += 1
                    raise
        raise AssertionError("tenacity returns or raises")

    async def get(self, path: str, *, url: str) -> dict[str, Any] | None:
        """The JSON object at a path of one server, None if it has none there; raises JudgeFailure."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                response = await self._servers[url.rstrip("/")].get(path, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            detail = f"the judge did not describe itself ({path}) within {_CONNECT_SECONDS:g} s"
            raise JudgeFailure(UnscoredReason.TIMEOUT, detail, unavailable=True) from None
        except httpx.HTTPError as error:
            raise build_connection_failure(error) from None
        if response.status_code in (401, 403):
            raise build_key_failure()
        if response.status_code >= 500:
            detail = f"the judge answered HTTP {response.status_code}"
            raise JudgeFailure(UnscoredReason.INFRASTRUCTURE, detail, unavailable=True)
        try:
            content = response.json() if response.status_code == 200 else None
        except ValueError:
            return None
        return content if isinstance(content, dict) else None

    async def _post_through_circuit(
        self, url: str, path: str, body: dict[str, Any], *, prefix_key: str, seconds: float
    ) -> Answered:
        """A try at one server, unless its circuit is open or another request is testing whether it recovered."""
        circuit = await self._circuits.get_breaker(url)
        try:
            if circuit.context.state == HALF_OPENED:
                raise OpenedState(url)
            async with circuit:
                with _tracer.start_as_current_span("judge call", kind=trace.SpanKind.CLIENT) as span:
                    span.set_attribute("server.address", hide_credentials(url))
                    budget = current_budget() if path == _CHAT else None
                    if budget is None:
                        return await self._post_once(url, path, body, prefix_key=prefix_key, seconds=seconds)
                    return await self._post_within(budget, url, body, prefix_key=prefix_key, seconds=seconds)
        except OpenedState:
            last = self._last_failures.get(url, "unknown")
            raise JudgeFailure(
                UnscoredReason.INFRASTRUCTURE,
                f"the judge at {hide_credentials(url)} failed {CIRCUIT_FAILURES} times in a row and is not called for "
                f"now; last failure: {last}",
                unavailable=True,
            ) from None
        except JudgeFailure as failure:
            self._last_failures[url] = failure.detail
            raise

    async def _post_within(
        self, budget: CallBudget, url: str, body: dict[str, Any], *, prefix_key: str, seconds: float
    ) -> Answered:
        """A try that is reserved at its maximum before, and counts at that unless it is known what it used."""
        most = self._prices.bound_cost(body)
        await reserve_call(budget, most, patience_seconds=self._deadlines.try_seconds)
        calls, cost = 1, most
        try:
            answered = await self._post_once(url, _CHAT, body, prefix_key=prefix_key, seconds=seconds)
            if answered.reply.get("usage"):
                cost = self._prices.cost_of(read_usage(answered.reply))
        except JudgeFailure as failure:
            if is_free(failure):
                calls, cost = 0, 0.0
            raise
        finally:
            # Also when the task is cancelled.
            budget.settle(most, calls=calls, cost=cost)
        return answered

    async def _post_once(
        self, url: str, path: str, body: dict[str, Any], *, prefix_key: str, seconds: float
    ) -> Answered:
        started = time.monotonic()
        bound = min(self._deadlines.try_seconds, max(seconds, 0.001))
        content = bytearray()
        headers = {"X-Prefix-Key": prefix_key}
        _trace_context.inject(headers)
        try:
            # httpx bounds each wait, not their sum: drips would pass.
            async with (
                asyncio.timeout(bound),
                self._servers[url].stream("POST", path, json=body, headers=headers) as response,
            ):
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > _MAX_REPLY_BYTES:
                        raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is longer than 4 MiB")
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
                raise build_connection_failure(error) from None
            raise JudgeFailure(UnscoredReason.TIMEOUT, f"the judge did not answer within {bound:.3g} s") from None
        except httpx.HTTPError as error:
            raise build_connection_failure(error) from None
        check_status(response, bytes(content))
        try:
            reply = json.loads(content)
        except (ValueError, RecursionError):
            raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is not JSON") from None
        if not isinstance(reply, dict):
            raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is not a JSON object")
        return Answered(reply=reply, seconds=time.monotonic() - started, url=url)


_back_off = tenacity.wait_random_exponential(multiplier=0.1, max=4)


def _wait_before_retry(state: tenacity.RetryCallState) -> float:
    """Seconds to wait: random exponential back-off, and at least what a busy server asked for, up to 10 s."""
    error = state.outcome.exception() if state.outcome else None
    requested = error.retry_after if isinstance(error, Busy) else None
    return max(_back_off(state), min(requested or 0.0, _MAX_RETRY_AFTER_SECONDS))


def probe(base_url: str, *, timeout_seconds: float = 3.0) -> str | None:
    """None if a judge answers at the address within the time, else one sentence with the problem."""

    async def get_health() -> httpx.Response:
        # As above: httpx alone would wait for a drip.
        async with asyncio.timeout(timeout_seconds), httpx.AsyncClient(trust_env=False, timeout=None) as http:
            return await http.get(f"{base_url.rstrip('/')}/health")

    try:
        response = asyncio.run(get_health())
    except httpx.InvalidURL:
        return f"{base_url} is no address of a judge: write it as http://host:port"
    except (TimeoutError, httpx.HTTPError) as error:
        return f"no judge answers at {hide_credentials(base_url)} ({type(error).__name__})"
    if response.status_code != 200:
        return f"the judge at {hide_credentials(base_url)} is not ready (HTTP {response.status_code})"
    return None
