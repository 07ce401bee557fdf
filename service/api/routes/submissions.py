"""Routes for answers as they were submitted, and for what their candidates may see."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from ... import lifecycle
from ...feedback import view_feedback
from ...lookup import get_own
from ...storage.repositories import GradingListRepository, ReviewRepository
from ...storage.tables import Submission
from ..authorization import CallerDep, OwnSessionsDep
from ..dependencies import GradingIdDep, refuse_unknown_parameters
from ..documents.openapi import problem_replies
from ..schemas.submissions import FeedbackView, SubmissionPublic

router = APIRouter(prefix="/v1", tags=["gradings"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/submissions/{submission_id}", summary="Read a submission", responses=problem_replies(404, 422))
def read_submission(submission_id: str, sessions: OwnSessionsDep) -> SubmissionPublic:
    """Returns an answer, character by character as it was submitted, with the ids of its gradings."""
    with sessions() as session:
        submission = get_own(session, Submission, submission_id, name="submission")
        return SubmissionPublic.from_submission(
            submission, GradingListRepository(session).of_submission(submission.id)
        )


@router.get(
    "/gradings/{grading_id}/feedback", summary="Read what the candidate may see", responses=problem_replies(404, 422)
)
def read_feedback(grading_id: GradingIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> FeedbackView:
    """Returns the feedback for the candidate: no score, no answer key, no flags.

    It is there once the machine graded the answer with confidence, or a person confirmed the grade.
    """
    with sessions() as session:
        grading = lifecycle.get(session, grading_id, organisation_id=caller.organisation_id)
        review = ReviewRepository(session).newest_of([grading.id]).get(grading.id)
        return view_feedback(grading, review)
