"""Decisions of people on gradings: rows are only added, and the newest counts."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from .events.log import EventKind, append_event
from .storage import clock
from .storage.tables import Grading, Review


def add_review(
    session: Session,
    grading: Grading,
    *,
    reviewer: str,
    score: float | None,
    levels: Mapping[str, int],
    comment: str | None,
    source: str,
) -> Review:
    """Stores what a person decided; the machine's report and earlier reviews stay as they are."""
    review = Review(
        organisation_id=grading.organisation_id,
        grading_id=grading.id,
        reviewer=reviewer,
        score=score,
        levels=dict(levels),
        comment=comment,
        source=source,
        created_at=clock.now(),
    )
    session.add(review)
    append_event(
        session,
        EventKind.GRADING_REVIEWED,
        subject_id=grading.id,
        organisation_id=grading.organisation_id,
        cohort_id=grading.cohort_id,
        data={"state": str(grading.state)},
    )
    return review
