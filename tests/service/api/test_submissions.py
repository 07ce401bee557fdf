from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State

from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, bring_to, claim_one, make_report, record_report, submit_answer

ANSWER = "量化把权重存成 INT8。\r\n\tWeights  are smaller.\u200b"


def test_an_answer_is_read_back_character_by_character(api: TestClient) -> None:
    body = {"question_id": "quantization", "language": "en", "answer": ANSWER, "candidate": "c-1"}
    grading = api.post("/v1/gradings", json=body).json()
    submission = api.get(f"/v1/submissions/{grading['submission_id']}").json()
    assert (submission["answer"], submission["candidate"]) == (ANSWER, "c-1")
    assert submission["grading_ids"] == [grading["id"]]
    assert len(submission["answer_hash"]) == 64


@pytest.mark.parametrize("submission_id", ["0" * 32, "nope", "%00", "é"])
def test_an_unknown_submission_is_404(api: TestClient, submission_id: str) -> None:
    reply = api.get(f"/v1/submissions/{submission_id}")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


def test_a_submission_of_another_organisation_is_404(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    grading_id = submit_answer(database, rubric)
    submission_id = api.get(f"/v1/gradings/{grading_id}").json()["submission_id"]
    headers = make_key_header(database, organisation_id=OTHER_ORGANISATION)
    for path in (f"/v1/submissions/{submission_id}", f"/v1/gradings/{grading_id}/feedback"):
        assert api.get(path, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("state", "shown", "feedback"),
    [
        (State.QUEUED, "pending", None),
        (State.RUNNING, "pending", None),
        (State.GRADED, "ready", "Good."),
        (State.NEEDS_REVIEW, "in_review", None),
        (State.FAILED, "in_review", None),
        (State.DEAD, "in_review", None),
        (State.CANCELLED, "cancelled", None),
    ],
)
def test_a_candidate_sees_feedback_once_it_is_sure(
    api: TestClient, database: SessionFactory, rubric: Rubric, state: State, shown: str, feedback: str | None
) -> None:
    grading_id, _ = bring_to(database, rubric, state)
    view = api.get(f"/v1/gradings/{grading_id}/feedback").json()
    assert view == {
        "grading_id": grading_id,
        "state": shown,
        "language": "en" if feedback else None,
        "feedback": feedback,
    }


@pytest.mark.parametrize(
    ("review", "shown"),
    [({"score": 7.5}, "ready"), ({"score": 3.0}, "decided"), ({"comment": "Looks odd."}, "in_review")],
)
def test_feedback_that_a_person_contradicts_is_not_shown(
    api: TestClient, database: SessionFactory, rubric: Rubric, review: dict[str, object], shown: str
) -> None:
    grading_id = submit_answer(database, rubric)
    record_report(database, claim_one(database), make_report(score=7.5, needs_review=True))
    api.post(f"/v1/gradings/{grading_id}/reviews", json=review)
    view = api.get(f"/v1/gradings/{grading_id}/feedback").json()
    assert (view["state"], view["feedback"] is not None) == (shown, shown == "ready")
