"""Routes for answers as they were submitted, and for what their candidates may see."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from sqlalchemy.orm import Session

from ....gradings import erasure, lifecycle
from ....gradings.erasure import erase_submissions
from ....lookup import get_own
from ....storage.repositories import GradingListRepository, ReviewRepository
from ....storage.tables import Submission
from ...authorization import CallerDep, OwnSessionsDep
from ...candidate_view import view_feedback
from ...dependencies import GradingIdDep, refuse_unknown_parameters
from ...schemas.gradings.submissions import ErasedPublic, ErasureCreate, FeedbackView, SubmissionPublic

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


@router.delete("/submissions/{submission_id}", status_code=204, summary="Erase an answer")
def erase_submission(submission_id: SubmissionIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> None:
    """Deletes an answer with its gradings, reports, reviews and recorded judge calls, also while it is being graded.

    Uploads, exports, searches for near-duplicates and regrades of its cohort, and exports of no cohort, are deleted
    whole, as the answer is in them.
    """

    def erase(session: Session) -> None:
        get_own(session, Submission, submission_id, name="submission", lock=True)
        erase_submissions(session, [submission_id], organisation_id=caller.organisation_id, actor=caller.actor)

    sessions.run(erase)


@router.post("/erasures", summary="Erase a candidate")
def erase_candidate(body: ErasureCreate, sessions: OwnSessionsDep, caller: CallerDep) -> ErasedPublic:
    """Deletes all answers of a candidate as `DELETE /v1/submissions/{submission_id}` does, and says how much it was.

    The second time there is nothing left, and all numbers are 0.
    """
    erased = sessions.run(
        lambda session: erasure.erase_candidate(
            session, body.candidate, organisation_id=caller.organisation_id, actor=caller.actor
        )
    )
    return ErasedPublic(**asdict(erased))


@router.get("/gradings/{grading_id}/feedback", summary="Read what the candidate may see")
def read_feedback(grading_id: GradingIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> FeedbackView:
    """Returns the feedback for the candidate: no score, no answer key, no flags.

    It is there once the machine graded the answer with confidence, or a person confirmed the grade.
    """
    with sessions() as session:
        grading = lifecycle.get(session, grading_id, organisation_id=caller.organisation_id)
        review = ReviewRepository(session).newest_of([grading.id]).get(grading.id)
        return view_feedback(grading, review)
