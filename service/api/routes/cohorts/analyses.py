"""Routes that find near-duplicates in a cohort and analyse its questions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from sqlalchemy.orm import Session

from ....analyses import items, records
from ....lookup import get_own
from ....storage.tables import Cohort
from ...authorization import CallerDep, OwnSessionsDep, ReadsKeyDep
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import STARTED_REPLIES
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...schemas.cohorts.analyses import DuplicatesCreate, DuplicatesPublic, ItemAnalysisPublic, QuestionFiguresPublic

router = APIRouter(
    prefix="/v1/cohorts/{cohort_id}", tags=["analyses"], dependencies=[Depends(refuse_unknown_parameters)]
)
CohortId = Annotated[str, Path(max_length=64, description="Id of the cohort.")]
_NO_OPTIONS = DuplicatesCreate()


@router.post(
    "/duplicates",
    status_code=202,
    summary="Find near-duplicates",
    responses=STARTED_REPLIES,
)
def create_duplicates(
    cohort_id: CohortId,
    once: OnceDep,
    caller: CallerDep,
    body: Annotated[DuplicatesCreate, Body()] = _NO_OPTIONS,
) -> DuplicatesPublic:
    """Searches the answers of a cohort for shared ones and copies, in the background.

    Answers to one question are compared by their characters, in one Chinese script. Nothing is punished: scores stay.
    """

    def ask(session: Session) -> DuplicatesPublic:
        analysis = records.request_analysis(
            session, cohort_id, "duplicates", body.model_dump(), organisation_id=caller.organisation_id
        )
        return DuplicatesPublic.from_analysis(analysis)

    return once.run(
        ask,
        reply_type=DuplicatesPublic,
        body=body,
        location=lambda made: f"/v1/cohorts/{cohort_id}/duplicates/{made.id}",
    )


@router.get("/duplicates", summary="List searches for near-duplicates")
def list_duplicates(cohort_id: CohortId, sessions: OwnSessionsDep, paging: PagingDep) -> Page[DuplicatesPublic]:
    """Returns the searches of a cohort, the newest first, without their groups."""
    query = paging.read()
    with sessions() as session:
        found = records.list_analyses(session, cohort_id, "duplicates", after=query.after, limit=query.limit + 1)
    shown = [DuplicatesPublic.from_analysis(analysis) for analysis in found[: query.limit]]
    return paging.write(shown, last=records.cursor_of(found, query.limit))


@router.get("/duplicates/{analysis_id}", summary="Read near-duplicates")
def read_duplicates(
    cohort_id: CohortId,
    analysis_id: Annotated[str, Path(max_length=64, description="Id of the search.")],
    sessions: OwnSessionsDep,
    reads_key: ReadsKeyDep,
) -> DuplicatesPublic:
    """Returns a search with its groups, the most alike first, once it is finished."""
    with sessions() as session:
        analysis = records.find_analysis(session, cohort_id, analysis_id, "duplicates")
        return DuplicatesPublic.from_analysis(analysis, result=analysis.result, reads_key=reads_key)


@router.get("/items-analysis", summary="Analyse questions and criteria")
def analyse_items(cohort_id: CohortId, sessions: OwnSessionsDep) -> ItemAnalysisPublic:
    """Returns the figures of each question and criterion of a cohort as it is now.

    An undefined figure is null with its reason, never 0.
    """
    with sessions() as session:
        get_own(session, Cohort, cohort_id, name="cohort")
        figures = items.analyse_questions(session, cohort_id)
    return ItemAnalysisPublic(questions=[QuestionFiguresPublic.model_validate(question) for question in figures])
