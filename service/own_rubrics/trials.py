"""Tests of rubrics: an answer is graded by a rubric to try it out, as a background job.

A test is no grading: no list, cohort or metric counts it. It is deleted after seven days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from vivavoce.graders import Report

from .. import jobs
from ..errors import NotFound, UnfinishedRubric, UnusableRubric
from ..gradings.validation import check_answer
from ..lookup import get_own
from ..storage import clock
from ..storage.tables import Job, JobState, RubricTest, StoredRubric, new_id
from .documents import read_complete, write_document
from .lint import DraftFinding

TEST_JOB = "test_grade"
TEST_DAYS = 7


@dataclass(frozen=True)
class Trial:
    """A test with the state of its job, and why it failed if it did."""

    test: RubricTest
    state: JobState
    error: str | None


def start_test(session: Session, row: StoredRubric, *, answer: str, feedback_language: str | None) -> Trial:
    """Stores an answer to be graded by a rubric as it is now.

    Raises UnusableAnswer, and UnfinishedRubric if the rubric lacks what grading needs.
    """
    try:
        rubric = read_complete(row.document)
    except UnusableRubric as error:
        raise UnfinishedRubric(f"{error} Mend the draft first, then test it.") from None
    check_answer(answer)
    moment = clock.now()
    test_id = new_id()
    job = jobs.enqueue(session, TEST_JOB, subject_id=test_id, organisation_id=row.organisation_id)
    test = RubricTest(
        id=test_id,
        rubric_id=row.id,
        revision=row.revision,
        document=write_document(rubric),
        answer=answer,
        feedback_language=feedback_language,
        job_id=job.id,
        created_at=moment,
        expires_at=moment + timedelta(days=TEST_DAYS),
    )
    session.add(test)
    session.flush()
    return Trial(test, job.state, None)


def get_test(session: Session, rubric_id: str, test_id: str) -> Trial:
    """Returns a test of a rubric; raises NotFound if there is none, or none any more."""
    test = get_own(session, RubricTest, test_id, name="test")
    if test.rubric_id != rubric_id or test.expires_at <= clock.now():
        raise NotFound(f"This rubric has no test '{test_id}': check the id, tests are kept for {TEST_DAYS} days.")
    job = session.get(Job, test.job_id)
    # The job ends a moment after its result is stored.
    if test.report is not None:
        return Trial(test, "finished", None)
    if job is None:
        return Trial(test, "failed", "its job is gone: test the answer again")
    return Trial(test, job.state, job.error)


def store_result(session: Session, test_id: str, report: Report, findings: Sequence[DraftFinding]) -> None:
    """Stores the report of a test and what the full lint found; a test that was deleted meanwhile is left so."""
    if test := session.get(RubricTest, test_id):
        test.report = report.to_dict()
        test.findings = [finding.to_dict() for finding in findings]
