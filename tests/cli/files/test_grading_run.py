from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from vivavoce.cli.files import grading_run
from vivavoce.cli.files.grading_run import describe_wait, grade_waiting, read_open
from vivavoce.graders import Panel, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.service.gradings import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State

from ..conftest import Submit

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(database: SessionFactory, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Grades gradings one at a time with leases of a second; gives how many ended, and what was waited for."""
    monkeypatch.setattr(grading_run, "RETRY_SECONDS", 0.05)

    def grade(ids: list[str], panel: Panel | None = None, *, patience_seconds: float = 0.2) -> tuple[int, list[str]]:
        finished: list[None] = []
        waits: list[str] = []
        grade_waiting(
            ids,
            sessions=database,
            panel=panel or scripted_panel(),
            settings=settings.model_copy(update={"batch_size": 1, "lease_seconds": 1.0}),
            on_finished=lambda: finished.append(None),
            on_waiting=waits.append,
            patience_seconds=patience_seconds,
        )
        return len(finished), waits

    return grade


def _slow_panel(seconds: float) -> Panel:
    """A panel whose judge takes this long for each criterion."""

    def judge(answer: str, criterion: str) -> float:
        time.sleep(seconds)
        return 2.0

    return scripted_panel(judge)


def _claim_elsewhere(database: SessionFactory, *, lease_seconds: float = 3600) -> Any:
    with database.begin() as session:
        return lifecycle.claim(session, owner="elsewhere:7", limit=1, lease_seconds=lease_seconds)


def test_the_work_of_others_is_progress(submit: Submit, database: SessionFactory, run: Run) -> None:
    """Each run has the other's answers before its own, and patience for less than one of them."""
    first, second = submit(*(f"INT8 {n}" for n in range(5))), submit(*(f"INT4 {n}" for n in range(5)))
    results: dict[str, tuple[int, list[str]]] = {}

    def grade(name: str, ids: list[str]) -> None:
        results[name] = run(ids, _slow_panel(0.1))

    threads = [threading.Thread(target=grade, args=item) for item in (("first", first), ("second", second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {name: finished for name, (finished, _) in results.items()} == {"first": 5, "second": 5}
    with database() as session:
        assert {State(lifecycle.get(session, name).state) for name in first + second} == {State.GRADED}


def test_a_holder_that_renews_its_lease_is_waited_for(submit: Submit, database: SessionFactory, run: Run) -> None:
    ids = submit("INT8")
    batch = _claim_elsewhere(database, lease_seconds=1)
    assert batch
    ended = threading.Event()

    def work() -> None:
        # Far longer than patience and lease, with signs of life.
        for _ in range(9):
            time.sleep(0.3)
            with database.begin() as session:
                lifecycle.renew(session, batch.leases, lease_seconds=1)
        with database.begin() as session:
            lifecycle.release(session, batch.leases)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    finished, waits = run(ids)
    thread.join()
    assert (finished, ended.is_set()) == (1, True)
    assert set(waits) == {"another process is grading some of the answers (worker elsewhere:7)"}


def test_a_holder_without_a_sign_of_life_is_named(submit: Submit, database: SessionFactory, run: Run) -> None:
    ids = submit("INT8", "INT4")
    _claim_elsewhere(database)
    begin = time.monotonic()
    assert run(ids)[0] == 1
    assert time.monotonic() - begin < 5
    (held,) = read_open(database, ids).values()
    why = describe_wait(held)
    assert why
    assert why.startswith("another process is grading it (worker elsewhere:7, since 20")
    assert why.endswith(" UTC): run the same command again to pick up its result.")


def test_a_row_that_waits_says_so_unless_it_has_a_reason(submit: Submit, database: SessionFactory) -> None:
    ids = submit("INT8")
    (waiting,) = read_open(database, ids).values()
    assert describe_wait(waiting) == "it waits in the queue: run the same command again to grade it."
    batch = _claim_elsewhere(database)
    with database.begin() as session:
        lifecycle.release(session, batch.leases, reason=UnscoredReason.TIMEOUT, detail="slow")
    (waiting,) = read_open(database, ids).values()
    assert describe_wait(waiting) is None


def test_open_gradings_are_found_among_many(submit: Submit, grade_waiting: Callable[..., None], database: Any) -> None:
    graded = submit("INT8")
    grade_waiting()
    waiting = submit("INT4")
    assert list(read_open(database, [*graded, *(f"{n:032x}" for n in range(1200)), *waiting])) == waiting
