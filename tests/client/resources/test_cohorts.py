from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from vivavoce.client import AsyncClient, Client, Conflict, InvalidRequest, WaitTimedOut
from vivavoce.client.resources.batches import BYTES_AT_ONCE, cut_batches

from ...graded_service import GradedService
from ..cohorts import grade_cohort, make_answers, start_cohort


def test_a_cohort_goes_its_way(client: Client) -> None:
    cohort = client.cohorts.create("spring", max_calls=1000, metadata={"job": "j7"})
    assert (cohort.state, cohort.budget.max_calls, cohort.metadata) == ("draft", 1000, {"job": "j7"})
    appended = client.cohorts.append(cohort.id, make_answers(3))
    assert (appended.created, appended.changed, appended.unchanged) == (3, 0, 0)
    assert client.cohorts.append(cohort.id, make_answers(3)).unchanged == 3
    assert client.cohorts.finalise(cohort.id).state == "validated"
    assert client.cohorts.reopen(cohort.id).state == "draft"
    client.cohorts.finalise(cohort.id)
    assert client.cohorts.estimate(cohort.id).answers == 3
    assert client.cohorts.start(cohort.id).state == "running"
    seen = list(client.cohorts.watch(cohort.id, every_seconds=0.1))
    assert seen[-1].state == "finished"
    assert seen[-1].counts["graded"] + seen[-1].counts["needs_review"] == 3
    items = list(client.cohorts.list_items(cohort.id, limit=2))
    assert [item.external_id for item in items] == ["x-0000", "x-0001", "x-0002"]
    assert client.cohorts.read_item(cohort.id, items[0].id).grading_id == items[0].grading_id
    assert cohort.id in {listed.id for listed in client.cohorts.list(state="finished")}


def test_a_cohort_is_paused_cancelled_and_resumed(client: Client, graded_service: GradedService) -> None:
    graded_service.judge.delay_seconds = 0.3
    try:
        cohort = start_cohort(client, 8)
        assert client.cohorts.pause(cohort.id).state == "paused"
        with pytest.raises(WaitTimedOut, match="is paused after 0 s"):
            client.cohorts.wait(cohort.id, timeout_seconds=0.1, every_seconds=0.05)
        assert client.cohorts.cancel(cohort.id).state == "cancelled"
    finally:
        graded_service.judge.delay_seconds = 0
    assert client.cohorts.resume(cohort.id, retry_failed=True).state == "running"
    assert client.cohorts.wait(cohort.id, timeout_seconds=60, every_seconds=0.1).state == "finished"


def test_edits_need_the_state_that_was_read(client: Client) -> None:
    cohort = client.cohorts.create("edited")
    read = client.cohorts.read(cohort.id)
    assert read.etag
    moment = datetime(2099, 1, 1, tzinfo=UTC)
    changed = client.cohorts.update(cohort.id, {"finish_by": moment, "max_calls": 7}, if_match=read.etag)
    assert (changed.finish_by, changed.budget.max_calls) == (moment, 7)
    with pytest.raises(Conflict):
        client.cohorts.update(cohort.id, {"max_calls": None}, if_match=read.etag)
    assert client.cohorts.update(cohort.id, {"max_calls": None}, if_match="*").budget.max_calls is None
    client.cohorts.delete(cohort.id)
    assert cohort.id not in {listed.id for listed in client.cohorts.list()}


def test_more_answers_than_a_request_takes_go_in_batches(client: Client) -> None:
    cohort = client.cohorts.create("many")
    answers = make_answers(1203)
    answers[700]["question_id"] = "none-such"
    appended = client.cohorts.append(cohort.id, answers, mode="valid_only")
    assert (appended.created, [error.index for error in appended.errors]) == (1202, [700])
    with pytest.raises(InvalidRequest) as refused:
        client.cohorts.append(cohort.id, answers[690:710])
    assert refused.value.code == "refused_items"
    assert refused.value.errors[0].pointer == "/items/10/question_id"


def test_batches_are_bounded_by_size_too() -> None:
    items = [{"answer": "x" * (BYTES_AT_ONCE // 3)} for _ in range(5)]
    assert [(start, len(batch)) for start, batch in cut_batches(items)] == [(0, 2), (2, 2), (4, 1)]
    assert list(cut_batches([])) == []


def test_the_asynchronous_client_fills_and_watches(graded_service: GradedService) -> None:
    async def run() -> list[str]:
        async with AsyncClient(graded_service.url, graded_service.key) as client:
            cohort = await client.cohorts.create("async")
            await client.cohorts.append(cohort.id, make_answers(3))
            await client.cohorts.finalise(cohort.id)
            await client.cohorts.start(cohort.id)
            results = [result async for result in client.results.follow(cohort.id)]
            states = [seen.state async for seen in client.cohorts.watch(cohort.id, every_seconds=0.1)]
            assert len(results) == 3
            return states

    assert asyncio.run(run())[-1] == "finished"


def test_candidates_have_totals(client: Client) -> None:
    cohort = grade_cohort(client, 4)
    candidates = list(client.results.list_candidates(cohort.id))
    assert len(candidates) == client.results.read_candidates(cohort.id).tiers + 4 - len(
        {candidate.tier for candidate in candidates}
    )
    name = candidates[0].candidate
    assert client.results.read_candidate(cohort.id, name).answers[0].question_id == "quantization"
