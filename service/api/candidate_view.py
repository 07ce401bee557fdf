"""What a candidate may see of a grading, and when."""

from __future__ import annotations

from ..storage.tables import Grading, Review, State
from .schemas.gradings.submissions import FeedbackState, FeedbackView


def view_feedback(grading: Grading, review: Review | None) -> FeedbackView:
    """Returns the candidate's view of a grading with its newest review."""
    state = _find_state(grading, review)
    if state is not FeedbackState.READY or grading.report is None:
        return FeedbackView(grading_id=grading.id, state=state, language=None, feedback=None)
    feedback = grading.report.document["feedback"]
    return FeedbackView(
        grading_id=grading.id, state=state, language=feedback["language"], feedback=feedback["candidate"]
    )


def _find_state(grading: Grading, review: Review | None) -> FeedbackState:
    if grading.is_open:
        return FeedbackState.PENDING
    if grading.state == State.CANCELLED:
        return FeedbackState.CANCELLED
    if review is not None and (review.score is not None or review.levels):
        return FeedbackState.READY if _confirms(review, grading) else FeedbackState.DECIDED
    return FeedbackState.READY if grading.state == State.GRADED else FeedbackState.IN_REVIEW


def _confirms(review: Review, grading: Grading) -> bool:
    """Returns whether a person decided as the report does, so that its feedback is true of the decision."""
    if grading.report is None or review.score != grading.report.score:
        return False
    levels = {criterion["id"]: criterion["level"] for criterion in grading.report.document["criteria"]}
    return all(levels.get(name) == level for name, level in review.levels.items())
