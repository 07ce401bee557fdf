"""Routes for people's decisions on gradings, and for reports that were replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session

from ....gradings import lifecycle, reviews
from ....storage.repositories import EarlierReportRepository, ReviewRepository
from ...answer_key import hide_in_report
from ...authorization import CallerDep, OwnSessionsDep, ReadsKeyDep
from ...dependencies import GradingIdDep, refuse_unknown_parameters
from ...documents.openapi import describe_body, made_replies
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...request_body import read_body
from ...schemas.gradings.reviews import EarlierReportPublic, ReviewCreate, ReviewPublic

router = APIRouter(
    prefix="/v1/gradings/{grading_id}", tags=["reviews"], dependencies=[Depends(refuse_unknown_parameters)]
)


@router.post(
    "/reviews",
    status_code=201,
    summary="Review a grading",
    openapi_extra=describe_body(ReviewCreate),
    responses=made_replies(201),
)
def create_review(
    grading_id: GradingIdDep,
    body: Annotated[ReviewCreate, Depends(read_body(ReviewCreate))],
    once: OnceDep,
    caller: CallerDep,
) -> ReviewPublic:
    """Stores what a person decided about a finished grading.

    State and report of the grading stay as they are; its newest review stands beside them. Without a `score`, `levels`
    of all criteria give it.
    """
    new = reviews.NewReview(
        reviewer=body.reviewer or caller.key_name,
        actor=caller.actor,
        score=body.score,
        levels=body.levels or {},
        comment=body.comment,
    )

    def add(session: Session) -> ReviewPublic:
        grading = lifecycle.get(session, grading_id, organisation_id=caller.organisation_id, lock=True)
        return ReviewPublic.from_review(reviews.add_review(session, grading, new))

    return once.run(add, reply_type=ReviewPublic, body=body, location=lambda _: f"/v1/gradings/{grading_id}/reviews")


@router.get("/reviews", summary="List the reviews of a grading")
def list_reviews(
    grading_id: GradingIdDep, paging: PagingDep, sessions: OwnSessionsDep, caller: CallerDep
) -> Page[ReviewPublic]:
    """Returns what people decided about a grading, the newest first; the first of them counts."""
    query = paging.read()
    with sessions() as session:
        lifecycle.get(session, grading_id, organisation_id=caller.organisation_id)
        found = ReviewRepository(session).of_grading(
            grading_id, after=_read_position(query.after), limit=query.limit + 1
        )
    shown = [ReviewPublic.from_review(review) for review in found[: query.limit]]
    last = [shown[-1].created_at.isoformat(), shown[-1].id] if len(found) > query.limit else None
    return paging.write(shown, last=last)


@router.get("/reports", summary="List the earlier reports of a grading")
def list_earlier_reports(
    grading_id: GradingIdDep, paging: PagingDep, sessions: OwnSessionsDep, caller: CallerDep, reads_key: ReadsKeyDep
) -> Page[EarlierReportPublic]:
    """Returns the reports that a grading had before it was graded again, the newest first.

    The present one is in the grading. Texts of the answer key are null unless the key has the scope `answer_key:read`.
    """
    query = paging.read()
    with sessions() as session:
        lifecycle.get(session, grading_id, organisation_id=caller.organisation_id)
        found = EarlierReportRepository(session).of_grading(
            grading_id, after=_read_position(query.after), limit=query.limit + 1
        )
    shown = [EarlierReportPublic.from_row(row) for row in found[: query.limit]]
    if not reads_key:
        shown = [report.model_copy(update={"report": hide_in_report(report.report)}) for report in shown]
    last = [shown[-1].replaced_at.isoformat(), shown[-1].id] if len(found) > query.limit else None
    return paging.write(shown, last=last)


def _read_position(after: Sequence[Any] | None) -> tuple[datetime, str] | None:
    return (datetime.fromisoformat(after[0]), after[1]) if after else None
