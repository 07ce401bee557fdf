"""Cohorts with results for the tests of exports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import CriterionResult, Report
from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Cohort, CohortItem, CohortState, Grading

from ..samples import claim_one, make_report, record_report

LONG_ID = "123456789012345678"


@dataclass
class SampleCohort:
    """A cohort in the database and the gradings of its items by their external ids."""

    id: str
    gradings: dict[str, str] = field(default_factory=dict)


def make_scored_report(rubric: Rubric, *, score: float | None = 7.5, **changes: Any) -> Report:
    """A report with a result for each criterion; without a score the judge has failed."""
    reason = None if score is not None else UnscoredReason.PARSE
    report = make_report(score=score, reason=reason)
    criteria = tuple(
        CriterionResult(
            id=criterion.id,
            title=criterion.title,
            kind=criterion.kind,
            max_points=float(criterion.points),
            level=None if reason else 1,
            points=None if reason else 1.5,
            probabilities=None if reason else (0.25, 0.75),
            reason="Said so.",
            unscored_reason=reason,
        )
        for criterion in rubric.criteria
    )
    provenance = replace(report.provenance, rubric_hash=content_hash(rubric))
    return replace(report, criteria=criteria, provenance=provenance, **changes)


def add_cohort(database: SessionFactory) -> SampleCohort:
    moment = clock.now()
    cohort = Cohort(
        organisation_id="default",
        name="Spring",
        state=CohortState.RUNNING,
        options={},
        created_at=moment,
        updated_at=moment,
    )
    with database.begin() as session:
        session.add(cohort)
    return SampleCohort(cohort.id)


def add_item(
    database: SessionFactory,
    cohort: SampleCohort,
    rubric: Rubric,
    external_id: str,
    *,
    candidate: str | None = None,
    answer: str = "INT8",
    report: Report | None = None,
    row: int | None = None,
) -> str:
    """Adds an item with its grading, graded with the report if there is one."""
    with database.begin() as session:
        grading = submission.submit(session, NewAnswer(rubric=rubric, answer=answer, candidate=candidate)).grading
        grading.cohort_id = cohort.id
        item = CohortItem(
            organisation_id="default",
            cohort_id=cohort.id,
            external_id=external_id,
            row=row or len(cohort.gradings) + 2,
            candidate=candidate,
            question_id=rubric.question.id,
            content_hash="0" * 64,
            submission_id=grading.submission_id,
            rubric_version_id=grading.rubric_version_id,
            grading_id=grading.id,
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        session.add(item)
        grading_id = grading.id
    cohort.gradings[external_id] = grading_id
    if report is not None:
        record_report(database, claim_one(database), report)
    return grading_id


def requeue(database: SessionFactory, grading_id: str, report: Report) -> None:
    """Grades an answer once more, as after a change."""
    with database.begin() as session:
        session.get_one(Grading, grading_id).state = lifecycle.State.FAILED
    with database.begin() as session:
        lifecycle.requeue(session, lifecycle.get(session, grading_id))
    record_report(database, claim_one(database), report)
