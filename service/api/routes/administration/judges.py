"""Routes for judge versions: their figures, and which one is active."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from sqlalchemy.orm import Session

from ....errors import WrongState
from ....judges import versions as judge_versions
from ....judges.agreement import measure_agreement, name_judge
from ....lookup import get_own
from ....storage.engine import SessionFactory
from ....storage.repositories import JudgeVersionRepository
from ....storage.tables import JudgeVersion
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import PROMOTION_BODY, problem_replies
from ...json_body import build_reader
from ...schemas.administration.judges import JudgePromotion, JudgePublic

router = APIRouter(prefix="/v1/judges", tags=["judges"], dependencies=[Depends(refuse_unknown_parameters)])
JudgeIdDep = Annotated[
    str,
    Path(description="Id of a judge version: 32 hexadecimal digits.", json_schema_extra={"pattern": "^[0-9a-f]{32}$"}),
]


@router.get("", summary="List judge versions")
def list_judges(sessions: OwnSessionsDep, caller: CallerDep) -> list[JudgePublic]:
    """Returns all judge versions, the newest first, with their qualification and how well they agree with people.

    Versions are made by `viva bank qualify --register`. Workers grade with the judge of their settings.
    """
    with sessions() as session:
        versions = JudgeVersionRepository(session).newest_first(caller.organisation_id)
        agreement = measure_agreement(session)
    return [JudgePublic.from_version(version, agreement.get(name_judge(version))) for version in versions]


@router.get("/{judge_id}", summary="Read a judge version")
def read_judge(judge_id: JudgeIdDep, sessions: OwnSessionsDep) -> JudgePublic:
    """Returns a judge version with its qualification, and how well it agrees with people."""
    with sessions() as session:
        return _show(session, get_own(session, JudgeVersion, judge_id, name="judge version"))


@router.post(
    "/{judge_id}/promote",
    summary="Promote a judge version",
    openapi_extra={"requestBody": PROMOTION_BODY},
    responses=problem_replies(409),
)
def promote_judge(
    judge_id: JudgeIdDep,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    body: Annotated[JudgePromotion, Depends(build_reader(JudgePromotion, optional=True))],
) -> JudgePublic:
    """Makes a version the active one if its figures suffice, else 409 says why not. Promoting twice changes nothing."""

    def promote(session: Session) -> JudgeVersion:
        version = get_own(session, JudgeVersion, judge_id, name="judge version", lock=True)
        return judge_versions.promote_version(session, version, at_least=body.at_least, actor=caller.actor)

    return _change(sessions, promote)


@router.post("/{judge_id}/retire", summary="Retire the active judge version", responses=problem_replies(409))
def retire_judge(judge_id: JudgeIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> JudgePublic:
    """Retires the active version without another in its place. Retiring twice changes nothing."""

    def retire(session: Session) -> JudgeVersion:
        version = get_own(session, JudgeVersion, judge_id, name="judge version", lock=True)
        judge_versions.retire(session, version, actor=caller.actor)
        return version

    return _change(sessions, retire)


@router.post(
    "/{judge_id}/rollback",
    summary="Go back to the judge version before",
    responses=problem_replies(409),
)
def roll_back_judge(judge_id: JudgeIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> JudgePublic:
    """Goes back from the active version to the one that was active before it, and returns that.

    A version that is not active gives 409, so that a request sent twice goes back once; so does one without a version
    before.
    """

    def roll_back(session: Session) -> JudgeVersion:
        version = get_own(session, JudgeVersion, judge_id, name="judge version", lock=True)
        if not version.is_active:
            raise WrongState(f"Judge version '{judge_id}' is not active: send the id of the active one.")
        return judge_versions.rollback(session, organisation_id=caller.organisation_id, actor=caller.actor)

    return _change(sessions, roll_back)


def _change(sessions: SessionFactory, change: Callable[[Session], JudgeVersion]) -> JudgePublic:
    with sessions.begin() as session:
        version = change(session)
        session.flush()
        return _show(session, version)


def _show(session: Session, version: JudgeVersion) -> JudgePublic:
    return JudgePublic.from_version(version, measure_agreement(session).get(name_judge(version)))
