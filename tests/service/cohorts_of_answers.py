"""Cohorts for tests, inserted row by row as the service stores them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import submission
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import (
    Cohort,
    CohortItem,
    CohortState,
    Grading,
    State,
    Submission,
    new_id,
)


def add_cohort(
    database: SessionFactory, rubric: Rubric, count: int, *, state: CohortState = CohortState.RUNNING
) -> tuple[str, list[str]]:
    """A cohort of queued answers; returns its id and those of its gradings, in the order of their rows."""
    now = clock.now()
    always: dict[str, Any] = {"organisation_id": "default", "created_at": now}
    with database.begin() as session:
        version = submission.rubric_version(session, rubric, organisation_id="default")
        session.flush()
        cohort = Cohort(name="c", state=state, options={}, updated_at=now, **always)
        session.add(cohort)
        session.flush()
        answers = [{"id": new_id(), "answer": "INT8", "answer_hash": "h", **always} for _ in range(count)]
        gradings = [
            {
                "id": new_id(),
                "submission_id": answer["id"],
                "rubric_version_id": version.id,
                "state": State.QUEUED,
                "cohort_id": cohort.id,
                "updated_at": now,
                **always,
            }
            for answer in answers
        ]
        items = [
            {
                "id": new_id(),
                "cohort_id": cohort.id,
                "external_id": f"answer-{row}",
                "candidate": f"candidate-{row}",
                "row": row,
                "question_id": "q",
                "content_hash": "h",
                "submission_id": grading["submission_id"],
                "rubric_version_id": version.id,
                "grading_id": grading["id"],
                "updated_at": now,
                **always,
            }
            for row, grading in enumerate(gradings, start=2)
        ]
        for kind, rows in ((Submission, answers), (Grading, gradings), (CohortItem, items)):
            session.execute(sa.insert(kind), rows)
    return cohort.id, [grading["id"] for grading in gradings]
