"""One client for every judge: OpenAI's chat-completions protocol over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import tenacity

from ..errors import JudgeFailure, UnscoredReason
from .prompt import Message

_TRIES = 3
_TOP_LOGPROBS = 20


@dataclass(frozen=True)
class EngineIdentity:
    """Which engine and model answer at an address; `revision` is a hash where one is known."""

    engine: str
    model: str
    revision: str


class JudgeClient:
    """A pool of connections to one judge server; use it as an asynchronous context manager."""

    def __init__(self, base_url: str, *, model: str, timeout_seconds: float, api_key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers=headers,
            timeout=httpx.Timeout(timeout_seconds, connect=5.0),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def ask(self, messages: list[Message], **options: Any) -> tuple[dict[str, Any], float]:
        """The server's reply to one prompt, with the seconds it took.

        One token, greedy, with the probabilities of its alternatives. Raises JudgeFailure; a server
        that cannot be reached or fails is asked three times in all.
        """
        body = {
            "model": self._model,
            "messages": messages,
            "max_tokens": 1,
            "temperature": 0,
            "seed": 0,
            "logprobs": True,
            "top_logprobs": _TOP_LOGPROBS,
            **options,
        }
        async for attempt in tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_TRIES),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
            retry=tenacity.retry_if_exception(_is_worth_another_try),
            reraise=True,
        ):
            with attempt:
                started = time.monotonic()
                reply = await self._post(body)
                return reply, time.monotonic() - started
        raise AssertionError("tenacity returns or raises")

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._http.post("/v1/chat/completions", json=body)
        except httpx.TimeoutException as error:
            raise JudgeFailure(
                UnscoredReason.TIMEOUT, f"the judge did not answer in time ({type(error).__name__})"
            ) from None
        except httpx.HTTPError as error:
            raise JudgeFailure(
                UnscoredReason.INFRASTRUCTURE, f"the judge cannot be reached ({type(error).__name__})"
            ) from None
        if response.status_code == 400 and "context" in response.text.lower():
            raise JudgeFailure(UnscoredReason.TOO_LONG, "the prompt does not fit the judge's context")
        if response.status_code != 200:
            raise JudgeFailure(UnscoredReason.INFRASTRUCTURE, f"the judge answered HTTP {response.status_code}")
        try:
            reply = response.json()
        except ValueError:
            raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is not JSON") from None
        if not isinstance(reply, dict):
            raise JudgeFailure(UnscoredReason.PARSE, "the judge's reply is not a JSON object")
        return reply


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, JudgeFailure) and error.reason is UnscoredReason.INFRASTRUCTURE


def probe(base_url: str, *, timeout_seconds: float = 3.0) -> str | None:
    """None when a judge answers at the address, else one sentence saying what is wrong."""
    try:
        response = httpx.get(f"{base_url.rstrip('/')}/health", timeout=timeout_seconds, trust_env=False)
    except httpx.HTTPError as error:
        return f"no judge answers at {base_url} ({type(error).__name__})"
    if response.status_code != 200:
        return f"the judge at {base_url} is not ready (HTTP {response.status_code})"
    return None
