"""Routes for submitting answers, and for reading and changing one grading."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated

import anyio
from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vivavoce.rubrics import Bank

from ....access.caller import Caller
from ....access.scopes import Scope
from ....gradings import lifecycle, validation
from ....gradings.acceptance import Arrival, accept_answer, accept_at_once
from ....gradings.regrading import regrade_finished, requeue_failed
from ....notifier import announce
from ....observability import metrics
from ....observability.tracing import trace_parent
from ....storage.engine import SessionFactory, is_unavailable
from ....storage.repositories import ReviewRepository
from ....storage.tables import Grading, new_id
from ...answer_key import hide_answer_key
from ...authorization import CallerDep, OwnSessionsDep, ReadsKeyDep
from ...dependencies import BankDep, GradingIdDep, NotifierDep, SettingsDep, WaitingDep, refuse_unknown_parameters
from ...documents.openapi import CHANGED_REPLIES, STARTED_REPLIES, describe_body, problem_replies
from ...idempotency import Once, OnceDep, hash_body
from ...request_body import read_body
from ...schemas.gradings.lifecycle import GradingCreate, GradingPublic

router = APIRouter(prefix="/v1/gradings", tags=["gradings"], dependencies=[Depends(refuse_unknown_parameters)])
_log = logging.getLogger(__name__)


@router.post(
    "",
    status_code=202,
    summary="Submit an answer",
    openapi_extra=describe_body(GradingCreate),
    responses={**STARTED_REPLIES, **problem_replies(400, 404, 409, 413, 415, 422)},
)
async def create_grading(
    body: Annotated[GradingCreate, Depends(read_body(GradingCreate))],
    request: Request,
    once: OnceDep,
    bank: BankDep,
    notifier: NotifierDep,
    after_reply: BackgroundTasks,
) -> GradingPublic:
    """Stores the answer and returns its grading, which is graded in the background.

    `Location` is the address of the grading. Requests with the same `Idempotency-Key` (at most 255 characters) and body
    get the stored reply of the first, with the header `Idempotent-Replayed: true`.
    """
    validation.check_answer(body.answer)
    validation.check_candidate(body.candidate)
    # Outside of the transaction, which may run twice.
    arrival = Arrival(body, once.caller, new_id(), request.state.request_id, trace_parent())
    reply = await anyio.to_thread.run_sync(_accept, once, bank, arrival)
    if not once.is_replayed:
        metrics.submitted.inc()
        _log.info("grading %s is queued", reply.id, extra={"grading_id": reply.id})
    # After the reply: a slow notifier must not delay the caller.
    after_reply.add_task(announce, notifier, reply.id)
    return reply if once.caller.may(Scope.ANSWER_KEY_READ) else hide_answer_key(reply)


def _accept(once: Once, bank: Bank, arrival: Arrival) -> GradingPublic:
    tries = 0

    def accept(session: Session) -> GradingPublic:
        nonlocal tries
        tries += 1
        return accept_answer(session, bank, arrival, is_retry=tries > 1)

    def accept_quickly(sessions: SessionFactory) -> GradingPublic | None:
        try:
            return accept_at_once(sessions, bank, arrival)
        except SQLAlchemyError as error:
            nonlocal tries
            # The statement may have been carried out.
            tries = 1
            if not is_unavailable(error):
                raise
            return None

    return once.run(
        accept,
        reply_type=GradingPublic,
        request_hash=lambda: hash_body(arrival.body),
        location=_locate,
        shortcut=accept_quickly,
    )


def _locate(grading: GradingPublic) -> str:
    return f"{router.prefix}/{grading.id}"


@router.post("/{grading_id}/cancel", summary="Cancel a grading", responses=CHANGED_REPLIES)
def cancel_grading(grading_id: GradingIdDep, once: OnceDep, caller: CallerDep, reads_key: ReadsKeyDep) -> GradingPublic:
    """Cancels a grading that is `queued` or `running`. Cancelling twice changes nothing; a finished one gives 409."""
    reply = _change_grading(
        once, caller, grading_id, lambda session, grading: lifecycle.cancel(session, grading, actor=caller.actor)
    )
    return reply if reads_key else hide_answer_key(reply)


@router.post("/{grading_id}/requeue", summary="Grade again what failed", responses=CHANGED_REPLIES)
def requeue_grading(
    grading_id: GradingIdDep,
    once: OnceDep,
    notifier: NotifierDep,
    caller: CallerDep,
    reads_key: ReadsKeyDep,
    after_reply: BackgroundTasks,
) -> GradingPublic:
    """Requeues a grading that is `failed`, `dead` or `cancelled`; one with a result gives 409.

    An open one is unchanged. Its report, if it has one, becomes an earlier report.
    """
    reply = _change_grading(
        once, caller, grading_id, lambda session, grading: requeue_failed(session, grading, actor=caller.actor)
    )
    after_reply.add_task(announce, notifier, reply.id)
    return reply if reads_key else hide_answer_key(reply)


@router.post(
    "/{grading_id}/regrade",
    status_code=202,
    summary="Grade again what has a result",
    responses={**STARTED_REPLIES, **problem_replies(404, 409, 422)},
)
def regrade_grading(
    grading_id: GradingIdDep,
    once: OnceDep,
    notifier: NotifierDep,
    caller: CallerDep,
    reads_key: ReadsKeyDep,
    after_reply: BackgroundTasks,
    keep_review: Annotated[
        bool,
        Query(description="Grade again although a person has reviewed the grading; the review stays and still counts."),
    ] = False,
) -> GradingPublic:
    """Requeues a grading that is `graded` or `needs_review`; its report becomes an earlier report.

    One that a person has reviewed gives 409 unless `keep_review` is true: decisions of people are never overwritten.
    """
    reply = _change_grading(
        once,
        caller,
        grading_id,
        lambda session, grading: regrade_finished(session, grading, keep_review=keep_review, actor=caller.actor),
        location=_locate,
    )
    after_reply.add_task(announce, notifier, reply.id)
    return reply if reads_key else hide_answer_key(reply)


def _change_grading(
    once: Once,
    caller: Caller,
    grading_id: str,
    change: Callable[[Session, Grading], None],
    *,
    location: Callable[[GradingPublic], str] | None = None,
) -> GradingPublic:
    """Applies a change and returns the grading after it."""

    def change_grading(session: Session) -> GradingPublic:
        grading = lifecycle.get(session, grading_id, organisation_id=caller.organisation_id, lock=True)
        change(session, grading)
        return _show_grading(session, grading)

    return once.run(change_grading, reply_type=GradingPublic, location=location)


@router.get("/{grading_id}", summary="Read a grading", responses=problem_replies(404, 422))
async def read_grading(
    grading_id: GradingIdDep,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    waiting: WaitingDep,
    caller: CallerDep,
    reads_key: ReadsKeyDep,
    wait: Annotated[
        float,
        Query(
            ge=0,
            description="Seconds to wait for the report. The service waits for 60 at most, or for what "
            "`VIVA_MAX_WAIT_SECONDS` says; a larger value is no error.",
        ),
    ] = 0.0,
) -> GradingPublic:
    """Returns the state of a grading, with its report once it is finished.

    With `wait`, the reply comes as soon as the grading is finished, or when the time is up. It comes earlier if this
    replica is shutting down: repeat the request then, and another replica answers it. Texts of the answer key are null
    unless the key has the scope `answer_key:read`.
    """
    grading = await anyio.to_thread.run_sync(_load_grading, sessions, caller, grading_id)
    seconds = min(wait, settings.max_wait_seconds)
    if grading.state.open and seconds > 0:
        await waiting.wait(grading_id, seconds=seconds)
        grading = await anyio.to_thread.run_sync(_load_grading, sessions, caller, grading_id)
    return grading if reads_key else hide_answer_key(grading)


def _load_grading(sessions: SessionFactory, caller: Caller, grading_id: str) -> GradingPublic:
    with sessions() as session:
        return _show_grading(session, lifecycle.get(session, grading_id, organisation_id=caller.organisation_id))


def _show_grading(session: Session, grading: Grading) -> GradingPublic:
    return GradingPublic.from_grading(grading, review=ReviewRepository(session).newest_of([grading.id]).get(grading.id))
