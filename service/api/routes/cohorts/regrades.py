"""Routes that compute, show and apply regrades of a cohort."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank, content_hash

from ....access.caller import Caller
from ....analyses import records
from ....analyses.regrades import application, changes
from ....analyses.regrades.changes import Change, RubricChoice
from ....lookup import get_own
from ....storage.tables import Analysis, Cohort
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import BankDep, refuse_unknown_parameters
from ...documents.openapi import STARTED_REPLIES, problem_replies
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...schemas.cohorts.regrades import RegradeApply, RegradeCreate, RegradePublic

router = APIRouter(
    prefix="/v1/cohorts/{cohort_id}/regrades", tags=["regrades"], dependencies=[Depends(refuse_unknown_parameters)]
)
CohortId = Annotated[str, Path(max_length=64, description="Id of the cohort.")]
RegradeId = Annotated[str, Path(max_length=64, description="Id of the regrade.")]
_AS_REVIEWED = RegradeApply()


@router.post(
    "",
    status_code=202,
    summary="Compute a regrade",
    responses=STARTED_REPLIES,
)
def create_regrade(
    cohort_id: CohortId, body: RegradeCreate, bank: BankDep, once: OnceDep, caller: CallerDep
) -> RegradePublic:
    """Computes in the background what another rubric, pass mark or judge would change, and changes nothing.

    Other points are computed from recorded signals; other wording, or another judge, needs the judge, and the calls are
    estimated. Apply the difference by its id once you have read it.
    """

    def ask(session: Session) -> RegradePublic:
        return RegradePublic.from_analysis(_request_regrade(session, bank, cohort_id, body, caller))

    return once.run(
        ask,
        reply_type=RegradePublic,
        body=body,
        location=lambda made: f"/v1/cohorts/{cohort_id}/regrades/{made.id}",
    )


def _request_regrade(session: Session, bank: Bank, cohort_id: str, body: RegradeCreate, caller: Caller) -> Analysis:
    application.check_at_rest(get_own(session, Cohort, cohort_id, name="cohort"))
    choices = [RubricChoice(choice.question_id, choice.rubric_id, choice.language) for choice in body.rubrics]
    rubrics = changes.choose_rubrics(session, bank, cohort_id, choices)
    hashes = {
        f"{question_id} ({language})": content_hash(rubric) for (question_id, language), rubric in rubrics.items()
    }
    options = {**Change(rubrics, body.pass_mark, body.judge).write(), "hashes": hashes}
    return records.request_analysis(session, cohort_id, "regrade", options, organisation_id=caller.organisation_id)


@router.get("", summary="List regrades")
def list_regrades(cohort_id: CohortId, sessions: OwnSessionsDep, paging: PagingDep) -> Page[RegradePublic]:
    """Returns the regrades of a cohort, the newest first, without their differences."""
    query = paging.read()
    with sessions() as session:
        found = records.list_analyses(session, cohort_id, "regrade", after=query.after, limit=query.limit + 1)
    shown = [RegradePublic.from_analysis(regrade) for regrade in found[: query.limit]]
    return paging.write(shown, last=records.cursor_of(found, query.limit))


@router.get("/{regrade_id}", summary="Read a regrade")
def read_regrade(cohort_id: CohortId, regrade_id: RegradeId, sessions: OwnSessionsDep) -> RegradePublic:
    """Returns a regrade with its difference once it is finished: who moves, by how much, who crosses the mark."""
    with sessions() as session:
        regrade = records.find_analysis(session, cohort_id, regrade_id, "regrade")
        return RegradePublic.from_analysis(regrade, result=regrade.result)


@router.post("/{regrade_id}/apply", status_code=202, summary="Apply a regrade", responses=problem_replies(409))
def apply_regrade(
    cohort_id: CohortId,
    regrade_id: RegradeId,
    request: Request,
    response: Response,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    body: Annotated[RegradeApply, Body()] = _AS_REVIEWED,
) -> RegradePublic:
    """Applies the difference of a regrade in the background, all of it or nothing.

    Grades of people stay. Earlier reports are kept. If anything in the cohort has changed since, the regrade is stale
    and the reply is 409. Applying twice changes nothing.
    """

    def apply_once(session: Session) -> Analysis:
        regrade = records.find_analysis(session, cohort_id, regrade_id, "regrade", lock=True)
        application.request_application(session, regrade, grade_again=body.grade_again, actor=caller.actor)
        return regrade

    regrade = sessions.run(apply_once)
    response.headers["Location"] = str(request.url_for("read_regrade", cohort_id=cohort_id, regrade_id=regrade.id).path)
    return RegradePublic.from_analysis(regrade, result=regrade.result)
