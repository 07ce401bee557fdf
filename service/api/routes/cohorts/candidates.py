"""Routes that show the candidates of a cohort across its questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from ....candidates import listing
from ....candidates.listing import Basis, CandidateList, Placed
from ....lookup import get_own
from ....storage.engine import SessionFactory
from ....storage.tables import Cohort
from ...authorization import OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...paging import PageQuery, PagingDep
from ...schemas.cohorts.candidates import CandidateDetail, CandidatePage, CandidatePublic

router = APIRouter(
    prefix="/v1/cohorts/{cohort_id}/candidates",
    tags=["candidates"],
    dependencies=[Depends(refuse_unknown_parameters)],
)
CohortId = Annotated[str, Path(max_length=64, description="Id of the cohort.")]
BasisQuery = Annotated[
    Basis,
    Query(
        description="What is expected of a candidate: an answer to each question of the cohort, or only to those for "
        "which the cohort has an item of the candidate. Choose the latter if candidates were asked different questions."
    ),
]


@router.get("", summary="List candidates")
def list_candidates(
    cohort_id: CohortId, sessions: OwnSessionsDep, paging: PagingDep, basis: BasisQuery = "all_questions"
) -> CandidatePage:
    """Returns the candidates of a cohort with their totals, by tier and then by reference.

    Candidates whose totals may be equal share a tier; there is no rank.
    """
    query = paging.read(basis=basis)
    found = _list(sessions, cohort_id, query.filters["basis"])
    placed = _cut(found.placed, query)
    shown = [CandidatePublic.from_placed(candidate) for candidate in placed[: query.limit]]
    last = placed[query.limit - 1] if len(placed) > query.limit else None
    page = paging.write(shown, last=listing.sort_key(last) if last else None)
    return CandidatePage(
        items=page.items,
        next_cursor=page.next_cursor,
        tiers=found.tier_count,
        anonymous_items=found.anonymous_items,
    )


@router.get("/{candidate:path}", summary="Read a candidate")
def read_candidate(
    cohort_id: CohortId,
    candidate: Annotated[str, Path(description="Your reference for the candidate, at most 200 characters.")],
    sessions: OwnSessionsDep,
    basis: BasisQuery = "all_questions",
) -> CandidateDetail:
    """Returns a candidate of a cohort with the total, the tier and all answers."""
    with sessions() as session:
        get_own(session, Cohort, cohort_id, name="cohort")
        return CandidateDetail.from_answers(*listing.find_candidate(session, cohort_id, candidate, basis=basis))


def _list(sessions: SessionFactory, cohort_id: str, basis: Basis) -> CandidateList:
    with sessions() as session:
        get_own(session, Cohort, cohort_id, name="cohort")
        return listing.list_candidates(session, cohort_id, basis=basis)


def _cut(placed: Sequence[Placed], query: PageQuery) -> list[Placed]:
    """The candidates of a page and one more."""
    after = tuple(query.after) if query.after else None
    rest = [candidate for candidate in placed if after is None or listing.sort_key(candidate) > after]
    return rest[: query.limit + 1]
