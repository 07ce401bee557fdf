from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from vivavoce.client import AsyncClient, Client, ConnectionLost, InvalidRequest, NotFound
from vivavoce.client.models.cohorts import Cohort

from ...graded_service import GradedService
from ..breaking_proxy import run_breaking_proxy
from ..cohorts import grade_cohort, start_cohort

SEEDS = range(3)


@pytest.fixture(scope="module")
def finished(graded_service: GradedService) -> Iterator[tuple[Cohort, list[int]]]:
    """A cohort of 60 answers, and the numbers of its results as a page has them."""
    with Client(graded_service.url, graded_service.key) as client:
        cohort = grade_cohort(client, 60)
        numbers = [result.sequence for result in client.results.list(cohort.id)]
        assert len(numbers) == 60
        yield cohort, numbers


@pytest.mark.parametrize("seed", SEEDS)
def test_results_are_read_over_connections_that_break(
    graded_service: GradedService, finished: tuple[Cohort, list[int]], seed: int
) -> None:
    cohort, numbers = finished
    with (
        run_breaking_proxy(graded_service.url, seed=seed, most_bytes=6000) as proxy,
        Client(proxy.url, graded_service.key, patience_seconds=30) as client,
    ):
        assert [result.sequence for result in client.results.follow(cohort.id)] == numbers
        assert proxy.cuts >= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_results_that_land_meanwhile_are_read_once(graded_service: GradedService, client: Client, seed: int) -> None:
    graded_service.judge.delay_seconds = 0.02
    try:
        cohort = start_cohort(client, 30)
        with (
            run_breaking_proxy(graded_service.url, seed=seed, most_bytes=4000) as proxy,
            Client(proxy.url, graded_service.key, patience_seconds=30) as reader,
        ):
            read = [result.item.external_id for result in reader.results.follow(cohort.id)]
    finally:
        graded_service.judge.delay_seconds = 0
    assert sorted(read) == [f"x-{number:04d}" for number in range(30)]


@pytest.mark.parametrize("seed", SEEDS)
def test_events_are_read_over_connections_that_break(
    graded_service: GradedService, client: Client, finished: tuple[Cohort, list[int]], seed: int
) -> None:
    cohort, _ = finished
    wanted = [event.sequence for event in client.events.list(cohort_id=cohort.id)]
    assert len(wanted) >= 60
    with (
        run_breaking_proxy(graded_service.url, seed=seed, most_bytes=6000) as proxy,
        Client(proxy.url, graded_service.key, patience_seconds=30) as reader,
    ):
        stream = reader.events.follow(after=0, cohort_id=cohort.id)
        assert [event.sequence for event in itertools.islice(stream, len(wanted))] == wanted
        assert proxy.cuts >= 2


def test_the_asynchronous_client_resumes_too(graded_service: GradedService, finished: tuple[Cohort, list[int]]) -> None:
    cohort, numbers = finished

    async def read(url: str) -> list[int]:
        async with AsyncClient(url, graded_service.key, patience_seconds=30) as client:
            return [result.sequence async for result in client.results.follow(cohort.id)]

    with run_breaking_proxy(graded_service.url, seed=7, most_bytes=6000) as proxy:
        assert asyncio.run(read(proxy.url)) == numbers
        assert proxy.cuts >= 3


def test_a_stream_goes_on_from_a_number(client: Client, finished: tuple[Cohort, list[int]]) -> None:
    cohort, numbers = finished
    assert [result.sequence for result in client.results.follow(cohort.id, after=numbers[40])] == numbers[41:]
    [report] = {type(result.report) for result in client.results.follow(cohort.id, include="report")}
    assert report.__name__ == "Report"


def test_a_stream_that_never_says_anything_ends_with_the_patience(
    graded_service: GradedService, finished: tuple[Cohort, list[int]]
) -> None:
    # Not even a header gets through.
    with (
        run_breaking_proxy(graded_service.url, seed=1, most_bytes=20) as proxy,
        Client(proxy.url, graded_service.key, patience_seconds=1) as client,
        pytest.raises(ConnectionLost, match="broke off"),
    ):
        list(client.results.follow(finished[0].id))


def test_what_cannot_be_read_is_said_at_once(client: Client) -> None:
    with pytest.raises(NotFound):
        list(client.results.follow("0" * 32))
    with pytest.raises(InvalidRequest, match="after"):
        next(client.events.follow(after=2_000_000_000))


def test_readers_that_stop_close_their_streams(client: Client, finished: tuple[Cohort, list[int]]) -> None:
    # A key may have ten streams open.
    for _ in range(25):
        stream = client.events.follow(after=0, cohort_id=finished[0].id)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
