"""Answers in, reports out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated

import anyio
from fastapi import APIRouter, BackgroundTasks, Header, Query, Request, Response
from sqlalchemy.orm import Session

from .. import lifecycle, submission, validation
from ..dependencies import BankDep, DoorbellDep, SessionsDep, SettingsDep
from ..observability import metrics
from ..observability.tracing import trace_parent
from ..schemas import GradingCreate, GradingPublic, Problem
from ..storage.engine import SessionFactory
from ..storage.tables import Grading
from ..submission import NewAnswer

router = APIRouter(prefix="/v1/gradings", tags=["gradings"])
# A waiting request looks again soon at first, then less and less often.
_FIRST_LOOK_SECONDS = 0.01
_LOOK_GROWTH = 1.4
_LAST_LOOK_SECONDS = 0.5
# A database that restarts is waited for; a caller would only have to send the answer again.
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
    notifier: DoorbellDep,
    after_reply: BackgroundTasks,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> GradingPublic:
    """Take an answer in. It is graded in the background: follow `Location` for the report."""
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
    reply, replayed = sessions.run(lambda session: _submit(session, new), patience_seconds=_PATIENCE_SECONDS)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    else:
        metrics.submitted.inc()
        _log.info("grading %s is queued", reply.id, extra={"grading_id": reply.id})
    # A doorbell out of order must not keep the caller waiting: the answer is safe already.
    after_reply.add_task(notifier.notify, reply.id)
    response.headers["Location"] = str(request.url_for("read_grading", grading_id=reply.id).path)
    return reply


def _submit(session: Session, new: NewAnswer) -> tuple[GradingPublic, bool]:
    """The reply to a submission, and whether it is one that was given before."""
    found = submission.submit(session, new)
    if found.key and found.key.reply:
        return GradingPublic.model_validate(found.key.reply), found.is_repeated
    reply = GradingPublic.from_grading(found.grading)
    if found.key:
        found.key.reply = reply.model_dump(mode="json")
    return reply, found.is_repeated


@router.post(
    "/{grading_id}/cancel",
    summary="Cancel a grading",
    responses={404: {"model": Problem}, 409: {"model": Problem}},
)
def cancel_grading(grading_id: str, sessions: SessionsDep) -> GradingPublic:
    """Take a grading out of the line. One that is finished is left as it is: 409."""
    return _change(sessions, grading_id, lifecycle.cancel)


@router.post("/{grading_id}/requeue", summary="Grade again", responses={404: {"model": Problem}})
def requeue_grading(
    grading_id: str, sessions: SessionsDep, notifier: DoorbellDep, after_reply: BackgroundTasks
) -> GradingPublic:
    """Put a grading that failed, is dead or was cancelled back in line; any other is left as it is."""
    reply = _change(sessions, grading_id, lifecycle.requeue)
    after_reply.add_task(notifier.notify, reply.id)
    return reply


def _change(sessions: SessionFactory, grading_id: str, change: Callable[[Session, Grading], None]) -> GradingPublic:
    """A grading after a change that does nothing the second time."""

    def work(session: Session) -> GradingPublic:
        grading = lifecycle.get(session, grading_id)
        change(session, grading)
        return GradingPublic.from_grading(grading)

    return sessions.run(work, patience_seconds=_PATIENCE_SECONDS)


@router.get("/{grading_id}", summary="Read a grading", responses={404: {"model": Problem}})
async def read_grading(
    request: Request,
    grading_id: str,
    sessions: SessionsDep,
    settings: SettingsDep,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for the report.")] = 0.0,
) -> GradingPublic:
    """Where a grading stands. With `wait` the reply comes as soon as it is finished, or when the time is up.

    It comes earlier when this replica is told to stop: ask again then, another one goes on waiting.
    """
    deadline = time.monotonic() + min(wait, settings.max_wait_seconds)
    pause = _FIRST_LOOK_SECONDS
    while True:
        grading = await anyio.to_thread.run_sync(_read, sessions, grading_id)
        if not grading.state.open or time.monotonic() >= deadline or request.app.state.is_stopping():
            return grading
        await anyio.sleep(min(pause, max(deadline - time.monotonic(), 0)))
        pause = min(pause * _LOOK_GROWTH, _LAST_LOOK_SECONDS)


def _read(sessions: SessionsDep, grading_id: str) -> GradingPublic:
    with sessions() as session:
        return GradingPublic.from_grading(lifecycle.get(session, grading_id))
