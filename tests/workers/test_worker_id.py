from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivavoce.workers import worker_id
from vivavoce.workers.worker_id import current_worker_id, has_ended

from ..servers import wait_until

NAMED = "from vivavoce.workers.worker_id import current_worker_id; print(current_worker_id(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A worker in a process of its own, and its id."""
    process = subprocess.Popen([sys.executable, "-c", NAMED], stdin=-1, stdout=-1, text=True)
    assert process.stdout
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_a_running_worker_has_not_ended(other: tuple[subprocess.Popen[str], str]) -> None:
    assert not has_ended(current_worker_id())
    assert not has_ended(other[1])


def test_a_killed_worker_has_ended_before_it_is_reaped(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = other
    process.kill()
    wait_until(lambda: has_ended(name), seconds=5, what="it is seen to have ended")
    process.wait()
    assert has_ended(name)


@pytest.mark.parametrize("name", ["elsewhere/1:1:1:a", "w", "", "a:b:c"])
def test_a_worker_elsewhere_counts_as_running(name: str) -> None:
    assert not has_ended(name)


def test_a_name_fits_its_column() -> None:
    assert len(current_worker_id()) <= 64


def test_threads_of_a_process_have_ids_of_their_own() -> None:
    ids = [current_worker_id()]
    # Both at once: the system may give a number again.
    barrier = threading.Barrier(2)

    def add_id() -> None:
        ids.append(current_worker_id())
        barrier.wait(10)

    threads = [threading.Thread(target=add_id) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 3
    location, process, _, nonce = ids[0].split(":")
    assert all(other.startswith(f"{location}:{process}:") and other.endswith(f":{nonce}") for other in ids)


def test_a_later_process_of_the_same_number_has_another_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before = current_worker_id()
    worker_id._process_nonce.cache_clear()
    assert current_worker_id() != before


def _id_of_process(process: int | str) -> str:
    return f"{current_worker_id().partition(':')[0]}:{process}:1:abcd"


def test_a_process_that_is_not_there_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: int, number: int) -> None:
        assert (process, number) == (4321, 0)
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", refuse)
    assert has_ended(_id_of_process(4321))


@pytest.mark.parametrize("process", ["", "x", "-1", "1.5"])
def test_an_id_without_a_process_counts_as_running(process: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Process -1 would be all processes.
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    assert not has_ended(_id_of_process(process))


def test_a_process_of_another_user_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not has_ended(_id_of_process(1))


@pytest.mark.parametrize(
    ("status", "ended"),
    [("4321 (viva) Z 1 2", True), ("4321 (viva) S 1 2", False), ("4321 (a) Z (b) R 1", False), (None, False)],
)
def test_a_defunct_process_has_ended(monkeypatch: pytest.MonkeyPatch, status: str | None, ended: bool) -> None:
    def read(path: Path, **_: str) -> str:
        assert str(path) == "/proc/4321/stat"
        if status is None:
            raise FileNotFoundError
        return status

    worker = _id_of_process(4321)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    monkeypatch.setattr(Path, "read_text", read)
    assert has_ended(worker) == ended
