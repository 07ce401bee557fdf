from __future__ import annotations

import threading
import time

import pytest

from vivavoce.service.access.own_counts import OwnCounts


def test_counting_starts_no_threads() -> None:
    counts = OwnCounts()
    counts.timer.join()
    before = threading.active_count()
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def note(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", note)
        for _ in range(50):
            counts.acquire_sliding_window_entry("key", 100, 60)
            time.sleep(0.001)
    assert not started
    assert threading.active_count() == before


def test_what_is_over_counts_from_one_again_and_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    counts = OwnCounts()
    assert [counts.incr("a", 30), counts.incr("a", 30), counts.incr("b", 300)] == [1, 2, 1]
    now += 31
    assert counts.incr("a", 30) == 1
    now += 61
    assert counts.incr("b", 300) == 2
    assert set(counts.storage) == set(counts.expirations) == {"b"}


def test_threads_lose_no_count() -> None:
    counts = OwnCounts()

    def count() -> None:
        for _ in range(200):
            counts.incr("key", 60)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.get("key") == 1600
