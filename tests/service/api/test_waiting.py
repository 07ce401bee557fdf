from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa

from vivavoce.rubrics import Rubric
from vivavoce.service.api.waiting import POLL_SECONDS, WaitingRequests
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.engine import SessionFactory

from ..samples import change_grading, submit_answer


def test_many_requests_share_one_look_into_the_database(database: SessionFactory, rubric: Rubric) -> None:
    ids = [submit_answer(database, rubric) for _ in range(3)]
    queries: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *parts: queries.append(parts[2]))

    async def wait_for_all() -> float:
        waiting = WaitingRequests(database, lambda: False)
        started = time.monotonic()
        await asyncio.gather(*(waiting.wait(ids[number % 3], seconds=1.0) for number in range(200)))
        return time.monotonic() - started

    assert 1.0 <= asyncio.run(wait_for_all()) < 3
    selects = [query for query in queries if "grading" in query]
    assert 2 <= len(selects) <= 1 + 1 / POLL_SECONDS


def test_only_those_whose_grading_is_finished_go_on(database: SessionFactory, rubric: Rubric) -> None:
    first, second = submit_answer(database, rubric), submit_answer(database, rubric)

    async def wait_for_both() -> list[str]:
        waiting = WaitingRequests(database, lambda: False)
        done: list[str] = []

        async def wait_for(grading_id: str, seconds: float) -> None:
            await waiting.wait(grading_id, seconds=seconds)
            done.append(grading_id)

        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for(second, 1.5))
            group.create_task(wait_for(first, 30))
            await asyncio.sleep(0.1)
            change_grading(database, first, lifecycle.cancel)
        return done

    assert asyncio.run(wait_for_both()) == [first, second]


def test_a_database_that_is_away_only_makes_them_wait(
    database: SessionFactory, rubric: Rubric, caplog: pytest.LogCaptureFixture
) -> None:
    grading_id = submit_answer(database, rubric)
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE grading RENAME TO gone"))

    async def wait() -> None:
        waiting = WaitingRequests(database, lambda: False)
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting.wait(grading_id, seconds=30))
            await asyncio.sleep(2 * POLL_SECONDS)
            with database.engine.begin() as connection:
                connection.execute(sa.text("ALTER TABLE gone RENAME TO grading"))
            change_grading(database, grading_id, lifecycle.cancel)

    asyncio.run(wait())
    assert "requests wait although the database is unavailable" in caplog.text


def test_a_request_that_hangs_up_leaves_nothing_behind(database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(database, rubric)

    async def hang_up() -> bool:
        waiting = WaitingRequests(database, lambda: False)
        task = asyncio.create_task(waiting.wait(grading_id, seconds=30))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(2 * POLL_SECONDS)
        return len(asyncio.all_tasks()) == 1

    assert asyncio.run(hang_up())
