"""Routes for submitting answers and reading, cancelling and requeueing their gradings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated

import anyio
from fastapi import APIRouter, BackgroundTasks, Header, Query, Request, Response
from sqlalchemy.orm import Session

from .. import lifecycle, submission, validation
from ..observability import metrics
from ..observability.tracing import trace_parent
from ..storage.engine import SessionFactory
from ..storage.tables import Grading
from ..submission import NewAnswer
from .dependencies import BankDep, NotifierDep, SessionsDep, SettingsDep
from .schemas import GradingCreate, GradingPublic, Problem

router = APIRouter(prefix="/v1/gradings", tags=["gradings"])
# A waiting request polls often at first, then less and less.
_FIRST_POLL_SECONDS = 0.01
_POLL_GROWTH = 1.4
_MAX_POLL_SECONDS = 0.5
# Long enough for a restart of the database.
_PATIENCE_SECONDS = 10.0
_log = logging.getLogger(__name__)


@router.post(
    "",
    status_code=202,
    summary="Submit an answer",
    responses={status: {"model": Problem} for status in (404, 409, 413, 422)},
)
def create_grading(
    body: GradingCreate,
    request: Request,
    response: Response,
    bank: BankDep,
    sessions: SessionsDep,
    notifier: NotifierDep,
    after_reply: BackgroundTasks,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> GradingPublic:
    """Stores the answer and returns its grading, which is graded in the background.

    `Location` is the address of the grading. Requests with the same `Idempotency-Key` (at most 255 characters) and body
    get the stored reply of the first, with the header `Idempotent-Replayed: true`.
    """
    new = NewAnswer(
        rubric=validation.choose_rubric(bank, body),
        answer=validation.check_answer(body.answer),
        candidate=validation.check_candidate(body.candidate),
        feedback_language=body.feedback_language,
        priority=lifecycle.BATCH if body.priority == "batch" else lifecycle.INTERACTIVE,
        idempotency_key=idempotency_key,
        request_id=request.state.request_id,
        trace_parent=trace_parent(),
    )
    reply, replayed = sessions.run(lambda session: _submit_answer(session, new), patience_seconds=_PATIENCE_SECONDS)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    else:
        metrics.submitted.inc()
        _log.info("grading %s is queued", reply.id, extra={"grading_id": reply.id})
    # After the reply: a slow notifier must not delay the caller.
    after_reply.add_task(notifier.notify, reply.id)
    response.headers["Location"] = str(request.url_for("read_grading", grading_id=reply.id).path)
    return reply


def _submit_answer(session: Session, new: NewAnswer) -> tuple[GradingPublic, bool]:
    """Submits an answer; returns the reply, and whether it is the stored one of an earlier request."""
    submitted = submission.submit(session, new)
    if submitted.key and submitted.key.reply:
        return GradingPublic.model_validate(submitted.key.reply), submitted.is_repeated
    reply = GradingPublic.from_grading(submitted.grading)
    if submitted.key:
        submitted.key.reply = reply.model_dump(mode="json")
    return reply, submitted.is_repeated


@router.post(
    "/{grading_id}/cancel",
    summary="Cancel a grading",
    responses={404: {"model": Problem}, 409: {"model": Problem}},
)
def cancel_grading(grading_id: str, sessions: SessionsDep) -> GradingPublic:
    """Cancels a grading that is `queued` or `running`. Cancelling twice changes nothing; a finished one gives 409."""
    return _change_grading(sessions, grading_id, lifecycle.cancel)


@router.post("/{grading_id}/requeue", summary="Grade again", responses={404: {"model": Problem}})
def requeue_grading(
    grading_id: str, sessions: SessionsDep, notifier: NotifierDep, after_reply: BackgroundTasks
) -> GradingPublic:
    """Requeues a grading that is `failed`, `dead` or `cancelled`, and deletes its report. Any other is unchanged."""
    reply = _change_grading(sessions, grading_id, lifecycle.requeue)
    after_reply.add_task(notifier.notify, reply.id)
    return reply


def _change_grading(
    sessions: SessionFactory, grading_id: str, change: Callable[[Session, Grading], None]
) -> GradingPublic:
    """Applies a change, which must be idempotent, and returns the grading after it."""

    def change_grading(session: Session) -> GradingPublic:
        grading = lifecycle.get(session, grading_id)
        change(session, grading)
        return GradingPublic.from_grading(grading)

    return sessions.run(change_grading, patience_seconds=_PATIENCE_SECONDS)


@router.get("/{grading_id}", summary="Read a grading", responses={404: {"model": Problem}})
async def read_grading(
    request: Request,
    grading_id: str,
    sessions: SessionsDep,
    settings: SettingsDep,
    wait: Annotated[
        float,
        Query(ge=0, description="Seconds to wait for the report; the service limits them (`VIVA_MAX_WAIT_SECONDS`)."),
    ] = 0.0,
) -> GradingPublic:
    """Returns the state of a grading, with its report once it is finished.

    With `wait`, the reply comes as soon as the grading is finished, or when the time is up. It comes earlier if this
    replica is shutting down: repeat the request then, and another replica answers it.
    """
    deadline = time.monotonic() + min(wait, settings.max_wait_seconds)
    pause = _FIRST_POLL_SECONDS
    while True:
        grading = await anyio.to_thread.run_sync(_load_grading, sessions, grading_id)
        if not grading.state.open or time.monotonic() >= deadline or request.app.state.is_stopping():
            return grading
        await anyio.sleep(min(pause, max(deadline - time.monotonic(), 0)))
        pause = min(pause * _POLL_GROWTH, _MAX_POLL_SECONDS)


def _load_grading(sessions: SessionsDep, grading_id: str) -> GradingPublic:
    with sessions() as session:
        return GradingPublic.from_grading(lifecycle.get(session, grading_id))
