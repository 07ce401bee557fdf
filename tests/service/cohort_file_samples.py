"""Cohorts and files for tests."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, Cohort, CohortItem, CohortState, Submission

INT8 = "Weights are kept as INT8 instead of FP16, so they need less memory."


def add_cohort(
    database: SessionFactory,
    *,
    organisation_id: str = DEFAULT_ORGANISATION,
    state: CohortState = CohortState.DRAFT,
) -> str:
    """The id of a new cohort."""
    moment = clock.now()
    with database.of(organisation_id).begin() as session:
        cohort = Cohort(
            organisation_id=organisation_id, name="test", state=state, options={}, created_at=moment, updated_at=moment
        )
        session.add(cohort)
    return cohort.id


def upload(api: TestClient, cohort_id: str, data: bytes, name: str = "answers.csv", **parameters: str) -> Any:
    """The reply to an upload."""
    return api.post(
        f"/v1/cohorts/{cohort_id}/files",
        params={"name": name, **parameters},
        content=data,
        headers={"Content-Type": "application/octet-stream"},
    )


def list_codes(report: dict[str, Any], level: str | None = "error") -> list[str]:
    """The codes of a report in its order."""
    return [problem["code"] for problem in report["problems"] if level in (None, problem["level"])]


def read_items(database: SessionFactory, cohort_id: str) -> list[tuple[str, str, str | None, str]]:
    """External id, question, candidate and answer of each item, in the order of the rows."""
    with database() as session:
        items = session.query(CohortItem, Submission).join(Submission, Submission.id == CohortItem.submission_id)
        found = items.filter(CohortItem.cohort_id == cohort_id).order_by(CohortItem.row, CohortItem.question_id).all()
        return [(item.external_id, item.question_id, item.candidate, answer.answer) for item, answer in found]
