"""Cohorts with graded answers for the tests of candidates and analyses, made without a grader."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vivavoce.graders.types import Report
from vivavoce.rubrics import Rubric
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.leases import Lease
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import (
    DEFAULT_ORGANISATION,
    Cohort,
    CohortItem,
    CohortState,
    Grading,
    Organisation,
    Review,
)

from .samples import make_report


def make_cohort(
    database: SessionFactory,
    *,
    state: CohortState = CohortState.FINISHED,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> str:
    """An empty cohort of an organisation, which is made if it is missing."""
    moment = clock.now()
    with database.begin() as session:
        if session.get(Organisation, organisation_id) is None:
            session.add(Organisation(id=organisation_id, created_at=moment))
            session.flush()
        cohort = Cohort(
            organisation_id=organisation_id,
            name="c",
            state=state,
            options={},
            created_at=moment,
            updated_at=moment,
        )
        session.add(cohort)
    return cohort.id


def add_item(
    database: SessionFactory,
    cohort_id: str,
    rubric: Rubric,
    *,
    candidate: str | None,
    report: Report | None = None,
    answer: str = "INT8",
    external_id: str | None = None,
    started: bool = True,
) -> CohortItem:
    """An item of a cohort, graded with a report if there is one."""
    moment = clock.now()
    new = NewAnswer(rubric=rubric, answer=answer, candidate=candidate, rubric_source="own")
    with database.begin() as session:
        grading = submission.submit(session, new).grading
        grading.cohort_id = cohort_id
        item = CohortItem(
            organisation_id=DEFAULT_ORGANISATION,
            cohort_id=cohort_id,
            external_id=external_id or f"{candidate}/{rubric.question.id}",
            candidate=candidate,
            question_id=rubric.question.id,
            content_hash="h",
            submission_id=grading.submission_id,
            rubric_version_id=grading.rubric_version_id,
            grading_id=grading.id if started else None,
            created_at=moment,
            updated_at=moment,
        )
        session.add(item)
    if report is not None:
        with database.begin() as session:
            batch = lifecycle.claim(session, owner="w", limit=1, lease_seconds=60)
            assert batch
            lifecycle.record(session, _only(batch.leases), report)
    return item


def _only(leases: tuple[Lease, ...] | list[Lease]) -> Lease:
    (lease,) = leases
    return lease


def scored(score: float, *, reach: float = 1.0, **more: Any) -> Report:
    """A report with a score and the range that `reach` points on both sides make."""
    low, high = max(score - reach, 0.0), min(score + reach, 10.0)
    return replace(make_report(score=score), score_min=low, score_max=high, **more)


def add_review(
    database: SessionFactory, item: CohortItem, score: float | None, *, levels: dict[str, int] | None = None
) -> None:
    """A decision of a person on an item."""
    with database.begin() as session:
        grading = session.get_one(Grading, item.grading_id)
        session.add(
            Review(
                organisation_id=grading.organisation_id,
                grading_id=grading.id,
                reviewer="r",
                score=score,
                levels=levels or {},
                source="api",
                created_at=clock.now(),
            )
        )
