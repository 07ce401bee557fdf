"""Routes for answers as they were submitted, and for what their candidates may see."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from ... import lifecycle
from ...lookup import get_own
from ...storage.repositories import GradingListRepository, ReviewRepository
from ...storage.tables import Submission
from ..authorization import CallerDep, OwnSessionsDep
from ..candidate_view import view_feedback
from ..dependencies import GradingIdDep, refuse_unknown_parameters
from ..schemas.submissions import FeedbackView, SubmissionPublic

SubmissionIdDep = Annotated[
    str,
    Path(
        description="Id of the submission: 32 hexadecimal digits, as in its gradings.",
        json_schema_extra={"pattern": "^[0-9a-f]{32}$"},
    ),
]
router = APIRouter(prefix="/v1", tags=["gradings"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/submissions/{submission_id}", summary="Read a submission")
def read_submission(submission_id: SubmissionIdDep, sessions: OwnSessionsDep) -> SubmissionPublic:
    """Returns an answer, character by character as it was submitted, with the ids of its gradings."""
    with sessions() as session:
        submission = get_own(session, Submission, submission_id, name="submission")
        return SubmissionPublic.from_submission(submission, GradingListRepository(session).of_submission(submission.id))


@router.get("/gradings/{grading_id}/feedback", summary="Read what the candidate may see")
def read_feedback(grading_id: GradingIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> FeedbackView:
    """Returns the feedback for the candidate: no score, no answer key, no flags.

    It is there once the machine graded the answer with confidence, or a person confirmed the grade.
    """
    with sessions() as session:
        grading = lifecycle.get(session, grading_id, organisation_id=caller.organisation_id)
        review = ReviewRepository(session).newest_of([grading.id]).get(grading.id)
        return view_feedback(grading, review)
