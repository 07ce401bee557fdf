from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from vivavoce.workers.worker_id import current_worker_id, has_ended

from ..servers import wait_until

NAMED = "from vivavoce.workers.worker_id import current_worker_id; print(current_worker_id(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A worker in a process of its own, and its name."""
    process = subprocess.Popen([sys.executable, "-c", NAMED], stdin=-1, stdout=-1, text=True)
    assert process.stdout
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_a_living_worker_is_not_gone(other: tuple[subprocess.Popen[str], str]) -> None:
    assert not has_ended(current_worker_id())
    assert not has_ended(other[1])


def test_a_killed_worker_is_gone_before_and_after_its_parent_has_noticed(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = other
    process.kill()
    wait_until(lambda: has_ended(name), seconds=5, what="it is seen to be gone")
    process.wait()
    assert has_ended(name)


@pytest.mark.parametrize("name", ["elsewhere/1:1:1:a", "w", "", "a:b:c"])
def test_of_a_worker_elsewhere_nothing_is_known(name: str) -> None:
    assert not has_ended(name)


def test_a_name_fits_its_column() -> None:
    assert len(current_worker_id()) <= 64
