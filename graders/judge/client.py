"""One client for every judge: OpenAI's chat-completions protocol over HTTP, to one server or several."""

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

from ..errors import JudgeFailure, UnscoredReason

# A server that failed this often in a row is left alone for a while; then one request alone tries it again.
CIRCUIT_FAILURES = 5
CIRCUIT_SECONDS = 5.0
_TRIES = 3
_CONNECT_SECONDS = 5.0
# No verdict is longer; a server that sends more is not answering the question.
_MAX_REPLY_BYTES = 4 * 1024 * 1024
_tracer = trace.get_tracer("vivavoce")
_trace_context = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class Deadlines:
    """`try_seconds` bounds one try at one server, `call_seconds` all tries for one prompt together."""

    try_seconds: float
    call_seconds: float


@dataclass(frozen=True)
class Answered:
    """A server's reply, with the seconds it took and the address it came from."""

    reply: dict[str, Any]
    seconds: float
    url: str


class JudgeClient:
    """Pools of connections to the servers of one model.

    Prompts that share a prefix go to the same server for as long as it answers, so that its prefix
    cache serves them. A call that fails is tried at another server, or again at the only one.
    """

    def __init__(
        self,
        base_urls: Sequence[str],
        *,
        deadlines: Deadlines,
        api_key: str | None = None,
        circuit_seconds: float = CIRCUIT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._deadlines = deadlines
        self._servers = {
            url.rstrip("/"): httpx.AsyncClient(
                base_url=url.rstrip("/"),
                headers=headers,
                timeout=httpx.Timeout(deadlines.try_seconds, connect=_CONNECT_SECONDS),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
                trust_env=False,
                transport=transport,
            )
            for url in base_urls
        }
        self._circuits = purgatory.AsyncCircuitBreakerFactory(
            default_threshold=CIRCUIT_FAILURES,
            default_ttl=circuit_seconds,
            exclude=[(JudgeFailure, lambda failure: not _is_server_failure(failure))],
        )
        self._last_failures: dict[str, str] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for http in self._servers.values():
            await http.aclose()

    def in_order_for(self, prefix_key: str) -> list[str]:
        """The servers in the order in which a prefix tries them: highest random weight first.

        A server that leaves or comes moves only its own prefixes (Thaler and Ravishankar 1998).
        """
        return sorted(self._servers, key=lambda url: hashlib.sha256(f"{prefix_key}\x00{url}".encode()).digest())

    async def ask(self, body: dict[str, Any], *, prefix_key: str) -> Answered:
        """The reply to a chat-completion request; raises JudgeFailure."""
        return await self.post("/v1/chat/completions", body, prefix_key=prefix_key)

    async def post(self, path: str, body: dict[str, Any], *, prefix_key: str) -> Answered:
        """The JSON object that a server answers with; raises JudgeFailure within the deadline of a call."""
        order = self.in_order_for(prefix_key)
        until = time.monotonic() + self._deadlines.call_seconds
        failures = 0

        def is_over(state: tenacity.RetryCallState) -> bool:
            assert state.outcome
            error = state.outcome.exception()
            out_of_time = time.monotonic() + state.upcoming_sleep >= until
            return out_of_time or (not isinstance(error, _Busy) and failures >= max(_TRIES, len(order)))

        async for attempt in tenacity.AsyncRetrying(
            stop=is_over,
            wait=_wait,
            retry=tenacity.retry_if_exception(lambda error: _is_worth_another_try(error, servers=len(order))),
            reraise=True,
        ):
            with attempt:
                url = order[(attempt.retry_state.attempt_number - 1) % len(order)]
                left = until - time.monotonic()
                try:
                    return await self._guarded(url, path, body, prefix_key=prefix_key, seconds=left)
                except JudgeFailure:
                    failures += 1
                    raise
        raise AssertionError("tenacity returns or raises")

    async def get(self, path: str, *, url: str) -> dict[str, Any] | None:
        """The JSON object at a path of one server, or None when it has none there; raises JudgeFailure."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                response = await self._servers[url.rstrip("/")].get(path, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            said = f"the judge did not say what it is ({path})"
            raise JudgeFailure(UnscoredReason.TIMEOUT, said, unavailable=True) from None
        except httpx.HTTPError as error:
            raise _unreachable(error) from None
        if response.status_code in (401, 403):
            raise _key_refused()
        if response.status_code >= 500:
            said = f"the judge answered HTTP {response.status_code}"
            raise JudgeFailure(UnscoredReason.INFRASTRUCTURE, said, unavailable=True)
        try:
            found = response.json() if response.status_code == 200 else None
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    async def _guarded(self, url: str, path: str, body: dict[str, Any], *, prefix_key: str, seconds: float) -> Answered:
        """A try at one server, unless its circuit is open or another request is just trying it again."""
        circuit = await self._circuits.get_breaker(url)
        try:
            if circuit.context.state == HALF_OPENED:
                raise OpenedState(url)
            async with circuit:
                with _tracer.start_as_current_span("judge call", kind=trace.SpanKind.CLIENT) as span:
                    span.set_attribute("server.address", url)
                    return await self._try(url, path, body, prefix_key=prefix_key, seconds=seconds)
        except OpenedState:
            last = self._last_failures.get(url, "no reason is known")
            raise JudgeFailure(
                UnscoredReason.INFRASTRUCTURE,
                f"the judge at {url} failed too often and is left alone for now; the last time, {last}",
                unavailable=True,
            ) from None
        except JudgeFailure as failure:
            self._last_failures[url] = failure.detail
            raise

    async def _try(self, url: str, path: str, body: dict[str, Any], *, prefix_key: str, seconds: float) -> Answered:
        started = time.monotonic()
        bound = min(self._deadlines.try_seconds, max(seconds, 0.001))
        content = bytearray()
        headers = {"X-Prefix-Key": prefix_key}
        _trace_context.inject(headers)
        try:
            # httpx bounds the wait for each piece; a server that drips would never run out of it.
            async with (
                asyncio.timeout(bound),
                self._servers[url].stream("POST", path, json=body, headers=headers) as response,
            ):
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > _MAX_REPLY_BYTES:
                        raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply has no end")
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
                raise _unreachable(error) from None
            raise JudgeFailure(UnscoredReason.TIMEOUT, f"the judge did not answer within {bound:.3g} s") from None
        except httpx.HTTPError as error:
            raise _unreachable(error) from None
        _check_status(response, bytes(content))
        try:
            reply = json.loads(content)
        except (ValueError, RecursionError):
            raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is not JSON") from None
        if not isinstance(reply, dict):
            raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is not a JSON object")
        return Answered(reply=reply, seconds=time.monotonic() - started, url=url)


class _Busy(JudgeFailure):
    """The server has too much to do and says so; it is well, and may name the seconds to wait."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__(UnscoredReason.INFRASTRUCTURE, "the judge is busy (HTTP 503)")
        self.retry_after = retry_after


class _Misconfigured(JudgeFailure):
    """The server is well, but ours is not the address, the model or the key that it takes."""

    def __init__(self, detail: str) -> None:
        super().__init__(UnscoredReason.INFRASTRUCTURE, detail, unavailable=True)


class NotThere(_Misconfigured):
    """The server has nothing at this path (HTTP 404)."""


def _key_refused() -> _Misconfigured:
    return _Misconfigured("the judge refuses the key in VIVA_JUDGE_API_KEY")


def _check_status(response: httpx.Response, content: bytes) -> None:
    status = response.status_code
    if status == 200:
        return
    if status in (429, 503):
        raise _Busy(_seconds(response.headers.get("Retry-After")))
    said = content[:300].decode("utf-8", "replace")
    if status == 400 and "context" in said.lower():
        raise JudgeFailure(UnscoredReason.TOO_LONG, "the prompt does not fit the judge's context")
    if status in (401, 403):
        raise _key_refused()
    if status == 404:
        raise NotThere(f"the judge has nothing at {response.url.path} or does not serve this model (HTTP 404)")
    if 400 <= status < 500 and status != 408:
        raise JudgeFailure(UnscoredReason.PARSE, f"the judge does not take the request (HTTP {status}): {said}")
    raise JudgeFailure(UnscoredReason.INFRASTRUCTURE, f"the judge answered HTTP {status}")


def _unreachable(error: httpx.HTTPError) -> JudgeFailure:
    # A server that hangs up on one prompt may well answer others; one that takes no connection answers nobody.
    unavailable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    said = f"the judge cannot be reached ({type(error).__name__})"
    return JudgeFailure(UnscoredReason.INFRASTRUCTURE, said, unavailable=unavailable)


def _seconds(value: str | None) -> float | None:
    try:
        return max(float(value), 0.0) if value else None
    except ValueError:
        return None  # A date instead of seconds: our own back-off will do.


def _is_server_failure(failure: JudgeFailure) -> bool:
    """Whether a failure says that the server is unwell, rather than busy or at odds with one prompt."""
    return failure.reason.retryable and not isinstance(failure, _Busy | _Misconfigured)


def _is_worth_another_try(error: BaseException, *, servers: int) -> bool:
    if not isinstance(error, JudgeFailure):
        return False
    if isinstance(error, _Misconfigured):
        return servers > 1
    # The only server hung for the whole time that a try may take: asking it again would double the wait.
    return error.reason is UnscoredReason.INFRASTRUCTURE or (error.reason is UnscoredReason.TIMEOUT and servers > 1)


_back_off = tenacity.wait_random_exponential(multiplier=0.1, max=4)


def _wait(state: tenacity.RetryCallState) -> float:
    """Random exponential back-off, and at least what a busy server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, _Busy) else None
    return max(_back_off(state), min(asked or 0.0, 10.0))


def probe(base_url: str, *, timeout_seconds: float = 3.0) -> str | None:
    """None when a judge answers at the address within the time, else one sentence saying what is wrong."""

    async def ask() -> httpx.Response:
        # httpx bounds each wait on its own; a server that drips would never run out of it.
        async with asyncio.timeout(timeout_seconds), httpx.AsyncClient(trust_env=False, timeout=None) as http:
            return await http.get(f"{base_url.rstrip('/')}/health")

    try:
        response = asyncio.run(ask())
    except (TimeoutError, httpx.HTTPError) as error:
        return f"no judge answers at {base_url} ({type(error).__name__})"
    if response.status_code != 200:
        return f"the judge at {base_url} is not ready (HTTP {response.status_code})"
    return None
