from __future__ import annotations

import asyncio

import pytest

from vivavoce.client import AsyncClient, Client, Conflict, InvalidRequest, NotAllowed, NotFound, WaitTimedOut

from ..graded_service import GradedService

ANSWER = "Weights are stored as INT8 instead of FP16, after training, which can cost accuracy."


def test_an_answer_gets_its_report(client: Client) -> None:
    grading = client.gradings.create(ANSWER, question_id="quantization", candidate="c-1", metadata={"job": "j7"})
    assert grading.is_open
    done = client.gradings.wait(grading.id)
    assert done.report
    assert done.report.score is not None
    assert done.report.score > 5
    assert [criterion.id for criterion in done.report.criteria] == ["lower", "methods", "loss", "wrong"]
    assert (done.candidate, done.metadata) == ("c-1", {"job": "j7"})
    submission = client.gradings.read_submission(done.submission_id or "")
    assert (submission.answer, submission.grading_ids) == (ANSWER, [done.id])
    assert client.gradings.read_feedback(done.id).grading_id == done.id


def test_lists_go_over_all_pages(client: Client) -> None:
    made = [client.gradings.create(f"INT8, said {n}.", question_id="quantization", candidate="pages") for n in range(5)]
    listed = list(client.gradings.list(candidate="pages", limit=2))
    assert sorted(grading.id for grading in listed) == sorted(grading.id for grading in made)
    wanted = [grading.id for grading in reversed(made)]
    found = client.gradings.read_several([*wanted, "0" * 32])
    assert [grading.id for grading in found.items] == wanted
    assert found.missing == ["0" * 32]


def test_more_ids_than_a_request_may_name_are_read_in_several(client: Client) -> None:
    made = client.gradings.create("INT4.", question_id="quantization")
    found = client.gradings.read_several([f"{number:032x}" for number in range(150)] + [made.id])
    assert ([grading.id for grading in found.items], len(found.missing)) == ([made.id], 150)


def test_a_copy_is_kept_by_tokens(client: Client) -> None:
    first = client.gradings.sync()
    made = client.gradings.create("FP4.", question_id="quantization")
    assert made.id in {grading.id for grading in client.gradings.sync(first.sync_token).items}


def test_a_person_decides_and_a_finished_grading_is_not_cancelled(client: Client) -> None:
    grading = client.gradings.wait(client.gradings.create(ANSWER, question_id="quantization").id)
    review = client.gradings.review(grading.id, score=6.5, comment="the second point is there")
    assert (review.score, review.source) == (6.5, "api")
    assert [kept.id for kept in client.gradings.list_reviews(grading.id)] == [review.id]
    with pytest.raises(Conflict) as refused:
        client.gradings.cancel(grading.id)
    assert refused.value.status == 409
    again = client.gradings.regrade(grading.id, keep_review=True)
    assert client.gradings.wait(again.id).review
    assert len(list(client.gradings.list_earlier_reports(grading.id))) == 1


def test_errors_carry_the_problem(client: Client, graded_service: GradedService) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.gradings.create("x", question_id="quantization", language="fr")  # type: ignore[arg-type]
    assert (refused.value.status, refused.value.code) == (422, "malformed_request")
    assert refused.value.errors[0].pointer == "/language"
    assert refused.value.request_id
    assert str(refused.value) == refused.value.detail
    with pytest.raises(NotFound, match=r"grading"):
        client.gradings.read("0" * 32)
    with pytest.raises(NotFound):
        client.gradings.read("../me")
    with Client(graded_service.url, "viva_wrong") as stranger, pytest.raises(NotAllowed) as refusal:
        stranger.gradings.read("0" * 32)
    assert refusal.value.status == 401


def test_waiting_ends_in_time(graded_service: GradedService, client: Client) -> None:
    graded_service.judge.delay_seconds = 3
    try:
        grading = client.gradings.create("Slow INT8, never asked before.", question_id="quantization")
        with pytest.raises(WaitTimedOut, match="wait longer"):
            client.gradings.wait(grading.id, timeout_seconds=0.2)
    finally:
        graded_service.judge.delay_seconds = 0
    assert not client.gradings.wait(grading.id).is_open


def test_a_caller_who_names_the_key_gets_one_grading(client: Client) -> None:
    first = client.gradings.create("INT8.", question_id="quantization", idempotency_key="row 7 of a file")
    assert client.gradings.create("INT8.", question_id="quantization", idempotency_key="row 7 of a file").id == first.id


def test_the_asynchronous_client_does_the_same(graded_service: GradedService) -> None:
    async def submit(client: AsyncClient, number: int) -> float | None:
        grading = await client.gradings.create(f"INT8 {number}", question_id="quantization", candidate="async")
        report = (await client.gradings.wait(grading.id)).report
        return report.score if report else None

    async def submit_several() -> None:
        async with AsyncClient(graded_service.url, graded_service.key) as client:
            scores = await asyncio.gather(*(submit(client, number) for number in range(4)))
            assert all(score is not None for score in scores)
            assert len([grading.id async for grading in client.gradings.list(candidate="async", limit=3)]) == 4
            with pytest.raises(NotFound):
                await client.gradings.read("0" * 32)

    asyncio.run(submit_several())


def test_a_candidate_is_erased(client: Client) -> None:
    made = [client.gradings.create(f"INT4, {number}.", question_id="quantization", candidate="gone") for number in "ab"]
    client.gradings.erase_submission(made[0].submission_id or "")
    assert client.gradings.erase_candidate("gone").submissions == 1
    assert client.gradings.erase_candidate("gone").submissions == 0
    with pytest.raises(NotFound):
        client.gradings.read(made[1].id)
