"""Routes for cohorts: made, filled, started, paused, ended, resumed and read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Body, Depends, Path, Query, Response
from sqlalchemy.orm import Session

from .... import lookup
from ....access.caller import Caller
from ....cohorts import lifecycle
from ....cohorts.editing import CohortOptions, create_cohort, delete_cohort, edit_cohort
from ....cohorts.progress import measure_progress
from ....notifier import announce
from ....storage.engine import SessionFactory
from ....storage.repositories import CohortRepository
from ....storage.tables import FIRST_REVISION, Cohort, CohortState
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import NotifierDep, SettingsDep, refuse_unknown_parameters
from ...documents.openapi import made_replies, problem_replies
from ...etags import IfMatchDep, check_if_match, write_etag
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...schemas.cohorts.lifecycle import CohortCreate, CohortEdit, CohortPublic, CohortResume

router = APIRouter(prefix="/v1/cohorts", tags=["cohorts"], dependencies=[Depends(refuse_unknown_parameters)])
# Ends of large cohorts take seconds.
PATIENCE_SECONDS = 20.0
Change = Callable[[Session, Cohort], None]
CohortIdDep = Annotated[str, Path(alias="cohort_id", description="Id of the cohort: 32 hexadecimal digits.")]


@router.post(
    "",
    status_code=201,
    summary="Make a cohort",
    responses=made_replies(201),
)
def make_cohort(
    body: CohortCreate, response: Response, once: OnceDep, caller: CallerDep, settings: SettingsDep
) -> CohortPublic:
    """Makes a cohort, a draft without answers; `Location` is its address."""
    options = CohortOptions(**body.model_dump(), is_priced=settings.has_prices)

    def make(session: Session) -> CohortPublic:
        cohort = create_cohort(session, options, organisation_id=caller.organisation_id, actor=caller.actor)
        return _build_public(session, cohort)

    public = once.run(make, reply_type=CohortPublic, body=body, location=lambda made: f"{router.prefix}/{made.id}")
    write_etag(response, FIRST_REVISION)
    return public


@router.get("", summary="List cohorts")
def list_cohorts(
    sessions: OwnSessionsDep,
    paging: PagingDep,
    state: Annotated[CohortState | None, Query(description="Only cohorts in this state.")] = None,
) -> Page[CohortPublic]:
    """Returns cohorts, the newest first."""
    query = paging.read(state=state)
    after = (datetime.fromisoformat(query.after[0]), query.after[1]) if query.after else None

    def read(session: Session) -> Page[CohortPublic]:
        found = CohortRepository(session).newest(state=query.filters["state"], after=after, limit=query.limit + 1)
        shown = found[: query.limit]
        last = [shown[-1].created_at.isoformat(), shown[-1].id] if len(found) > query.limit else None
        return paging.write([_build_public(session, cohort) for cohort in shown], last=last)

    return sessions.read(read)


@router.get("/{cohort_id}", summary="Read a cohort")
def read_cohort(cohort_id: CohortIdDep, sessions: OwnSessionsDep, response: Response) -> CohortPublic:
    """Returns a cohort with the number of answers by outcome, which always sum to its total, and its budget."""
    return sessions.read(
        lambda session: _show(session, lookup.get_own(session, Cohort, cohort_id, name="cohort"), response)
    )


@router.patch("/{cohort_id}", summary="Edit a cohort", responses=problem_replies(409, 428))
def update_cohort(
    cohort_id: CohortIdDep,
    body: CohortEdit,
    response: Response,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    settings: SettingsDep,
    if_match: IfMatchDep = None,
) -> CohortPublic:
    """Edits name, pass mark, metadata and limits, in any state; `If-Match` has the `ETag` that you read.

    A limit cannot be lower than what is used and reserved already.
    """
    changes = body.model_dump(exclude_unset=True)

    def edit(session: Session, cohort: Cohort) -> None:
        check_if_match(if_match, cohort.revision)
        edit_cohort(session, cohort, changes, is_priced=settings.has_prices, actor=caller.actor)

    # Not repeated after a commit in doubt: the ETag would be stale then.
    with sessions.begin() as session:
        cohort = lookup.get_own(session, Cohort, cohort_id, name="cohort", lock=True)
        edit(session, cohort)
        return _show(session, cohort, response)


@router.delete("/{cohort_id}", status_code=204, summary="Delete a draft", responses=problem_replies(409))
def remove_cohort(cohort_id: CohortIdDep, sessions: OwnSessionsDep, caller: CallerDep) -> None:
    """Deletes a cohort that was never started, with its answers; any other gives 409."""

    def delete(session: Session) -> None:
        cohort = lookup.get_own(session, Cohort, cohort_id, name="cohort", lock=True)
        delete_cohort(session, cohort, actor=caller.actor)

    sessions.run(delete, patience_seconds=PATIENCE_SECONDS)


@router.post("/{cohort_id}/finalise", summary="Close a cohort to answers", responses=problem_replies(409))
def finalise_cohort(
    cohort_id: CohortIdDep, sessions: OwnSessionsDep, caller: CallerDep, response: Response
) -> CohortPublic:
    """Makes a draft `validated`, so that it can be started; an open cohort that runs takes no more answers."""
    return _change(sessions, cohort_id, response, caller, lifecycle.finalise)


@router.post("/{cohort_id}/reopen", summary="Reopen a cohort", responses=problem_replies(409))
def reopen_cohort(
    cohort_id: CohortIdDep, sessions: OwnSessionsDep, caller: CallerDep, response: Response
) -> CohortPublic:
    """Makes a validated cohort a draft again, so that answers can be added."""
    return _change(sessions, cohort_id, response, caller, lifecycle.reopen)


@router.post("/{cohort_id}/start", summary="Start a cohort", responses=problem_replies(409))
def start_cohort(
    cohort_id: CohortIdDep,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    response: Response,
    notifier: NotifierDep,
    after_reply: BackgroundTasks,
) -> CohortPublic:
    """Queues all answers of a validated cohort; an open one can be started as a draft."""
    after_reply.add_task(announce, notifier, cohort_id)
    return _change(sessions, cohort_id, response, caller, lifecycle.start)


@router.post("/{cohort_id}/pause", summary="Pause a cohort", responses=problem_replies(409))
def pause_cohort(
    cohort_id: CohortIdDep, sessions: OwnSessionsDep, caller: CallerDep, response: Response
) -> CohortPublic:
    """Pauses a running cohort: answers that are being graded are finished, the rest waits."""
    return _change(sessions, cohort_id, response, caller, lifecycle.pause)


@router.post("/{cohort_id}/cancel", summary="Cancel a cohort", responses=problem_replies(409))
def cancel_cohort(
    cohort_id: CohortIdDep, sessions: OwnSessionsDep, caller: CallerDep, response: Response
) -> CohortPublic:
    """Ends a cohort: what waits is cancelled, what is being graded is finished, what is graded stays readable."""
    return _change(sessions, cohort_id, response, caller, lifecycle.cancel)


@router.post("/{cohort_id}/resume", summary="Resume a cohort", responses=problem_replies(409))
def resume_cohort(
    cohort_id: CohortIdDep,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    response: Response,
    notifier: NotifierDep,
    after_reply: BackgroundTasks,
    body: Annotated[CohortResume | None, Body()] = None,
) -> CohortPublic:
    """Goes on after a pause or an end with the answers that are not graded; nothing that was paid for is paid again."""
    after_reply.add_task(announce, notifier, cohort_id)
    retry_failed = body is not None and body.retry_failed

    def resume(session: Session, cohort: Cohort, *, actor: str) -> None:
        lifecycle.resume(session, cohort, actor=actor, retry_failed=retry_failed)

    return _change(sessions, cohort_id, response, caller, resume)


def _change(
    sessions: SessionFactory, cohort_id: str, response: Response, caller: Caller, change: Callable[..., None]
) -> CohortPublic:
    """Applies a change of state, which must be idempotent, and returns the cohort after it."""

    def apply(session: Session) -> CohortPublic:
        cohort = lookup.get_own(session, Cohort, cohort_id, name="cohort", lock=True)
        change(session, cohort, actor=caller.actor)
        return _show(session, cohort, response)

    return sessions.run(apply, patience_seconds=PATIENCE_SECONDS)


def _show(session: Session, cohort: Cohort, response: Response) -> CohortPublic:
    write_etag(response, cohort.revision)
    return _build_public(session, cohort)


def _build_public(session: Session, cohort: Cohort) -> CohortPublic:
    session.flush()
    return CohortPublic.from_cohort(cohort, measure_progress(session, cohort))
