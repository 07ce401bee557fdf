"""What callers may have graded again. The older report stays readable, and so does every decision of a person."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ..errors import WrongState
from ..storage.repositories import ReviewRepository
from ..storage.tables import Grading, State
from . import lifecycle


def requeue_failed(session: Session, grading: Grading, *, actor: str) -> None:
    """Requeues a grading that is failed, dead or cancelled; an open one is left unchanged.

    One of a cohort that has ended is graded as well. Raises WrongState for one with a result.
    """
    if grading.state in {State.GRADED, State.NEEDS_REVIEW}:
        raise WrongState(
            f"The grading is {grading.state}, so it has a result: use POST /v1/gradings/{grading.id}/regrade to have "
            "it graded again."
        )
    lifecycle.requeue(session, grading, actor=actor)


def regrade_finished(session: Session, grading: Grading, *, keep_review: bool, actor: str) -> None:
    """Requeues a grading that is graded or needs review; its report becomes an earlier one.

    Raises WrongState for one in another state, or that a person has reviewed; with `keep_review` such a one is graded
    again, and the review still counts.
    """
    if grading.is_open:
        raise WrongState(f"The grading is {grading.state}: wait for its result, or cancel it.")
    if grading.state not in {State.GRADED, State.NEEDS_REVIEW}:
        raise WrongState(
            f"The grading is {grading.state}, so it has no result: use POST /v1/gradings/{grading.id}/requeue."
        )
    if not keep_review and ReviewRepository(session).newest_of([grading.id]):
        raise WrongState(
            "A person has reviewed this grading: repeat the request with ?keep_review=true, and their decision stays "
            "beside the new report."
        )
    lifecycle.regrade(session, grading, actor=actor)
