"""Callers at the front door: they submit answers and wait for reports, and remember everything that went wrong."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

_OPEN = {"queued", "running"}
_PAUSE_SECONDS = 0.6
_POSTERS = 3
_READERS = 6
_MOST_TRIES = 60


@dataclass
class Outcome:
    """`accepted` are gradings by the caller's reference, `finished` their last states; `refused` counts replies
    503 with Retry-After, `failures` everything else that is no success."""

    accepted: dict[str, str] = field(default_factory=dict)
    finished: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    requests: int = 0

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(self.finished.values()).items()))
        return (
            f"{self.requests} requests: {len(self.failures)} failed, {sum(self.refused.values())} put off by 503 with "
            f"Retry-After; {len(self.accepted)} answers taken in: {states}"
        )


class Load:
    """Callers at work from entering this context to its end, when every answer that was taken in has its report."""

    def __init__(
        self,
        url: str,
        answers: Iterator[dict[str, Any]],
        *,
        headers: dict[str, str],
        name: str = "load",
        patience: float = 600,
    ) -> None:
        self.outcome = Outcome()
        self._url = url
        # With the key.
        self._headers = headers
        self._answers = answers
        self._name = name
        self._patience = patience
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ids: queue.Queue[str | None] = queue.Queue()
        self._posters = [threading.Thread(target=self._run, args=(self._post_all,)) for _ in range(_POSTERS)]
        self._readers = [threading.Thread(target=self._run, args=(self._read_all,)) for _ in range(_READERS)]

    def __enter__(self) -> Self:
        for thread in (*self._posters, *self._readers):
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._posters:
            thread.join()
        for _ in self._readers:
            self._ids.put(None)
        for thread in self._readers:
            thread.join(self._patience)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # A caller that breaks down is a failure like any other.
            self._fail(f"a caller ended with {error!r}")

    def _post_all(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=90, trust_env=False) as client:
            while not self._stopping.wait(_PAUSE_SECONDS):
                with self._lock:
                    number, answer = next(self._numbers), next(self._answers)
                self._post(client, number, answer)

    def _post(self, client: httpx.Client, number: int, answer: dict[str, Any]) -> None:
        for again in itertools.count():
            # Every fourth caller has no key: what it sends again is another submission.
            has_key = number % 4 > 0
            reference = f"{self._name}-{number}" + ("" if has_key else f"-{again}")
            headers = {"Idempotency-Key": reference} if has_key else {}
            reply = self._send(client, "POST", "/v1/gradings", json={**answer, "candidate": reference}, headers=headers)
            if reply is None:
                return
            if reply.status_code == 202:
                with self._lock:
                    self.outcome.accepted[reference] = reply.json()["id"]
                self._ids.put(reply.json()["id"])
                return
            if again >= _MOST_TRIES:
                self._fail(f"POST {reference}: still {reply.status_code} after {again} tries")
                return

    def _read_all(self) -> None:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=90, trust_env=False) as client:
            until = None
            while (grading_id := self._ids.get()) is not None:
                while True:
                    reply = self._send(client, "GET", f"/v1/gradings/{grading_id}", params={"wait": 20})
                    if reply is None:
                        break
                    if reply.status_code == 200 and reply.json()["state"] not in _OPEN:
                        with self._lock:
                            self.outcome.finished[grading_id] = reply.json()["state"]
                        break
                    if self._stopping.is_set():
                        until = until or time.monotonic() + self._patience
                        if time.monotonic() > until:
                            break

    def _send(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The reply when it is a success or says when to come again, else None and a failure on record."""
        with self._lock:
            self.outcome.requests += 1
        try:
            reply = client.request(method, path, **options)
        except httpx.HTTPError as error:
            self._fail(f"{method} {path}: {type(error).__name__} {error}")
            return None
        if reply.is_success:
            return reply
        if reply.status_code == 503 and "retry-after" in reply.headers:
            with self._lock:
                self.outcome.refused[f"{method} {reply.json()['code']}"] += 1
            time.sleep(float(reply.headers["retry-after"]))
            return reply
        self._fail(f"{method} {path}: HTTP {reply.status_code} {reply.text[:200]}")
        return None

    def _fail(self, what: str) -> None:
        with self._lock:
            self.outcome.failures.append(what)
