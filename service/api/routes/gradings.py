"""Routes for submitting answers and reading, cancelling and requeueing their gradings."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Annotated

import anyio
from fastapi import APIRouter, BackgroundTasks, Depends, Header, Query, Request, Response
from sqlalchemy.orm import Session

from ... import lifecycle, submission, validation
from ...access.caller import Caller
from ...observability import metrics
from ...observability.tracing import trace_parent
from ...storage.engine import SessionFactory
from ...storage.tables import Grading
from ...submission import NewAnswer
from ..answer_key import hide_answer_key
from ..authorization import CallerDep, OwnSessionsDep, ReadsKeyDep
from ..dependencies import (
    BankDep,
    GradingIdDep,
    NotifierDep,
    SettingsDep,
    WaitingDep,
    refuse_unknown_parameters,
)
from ..documents.openapi import SUBMISSION_BODY, SUBMISSION_REPLIES, problem_replies
from ..request_body import read_submission
from ..schemas.gradings import GradingCreate, GradingPublic

router = APIRouter(prefix="/v1/gradings", tags=["gradings"], dependencies=[Depends(refuse_unknown_parameters)])
# Long enough for a restart of the database.
_PATIENCE_SECONDS = 10.0
_log = logging.getLogger(__name__)


@router.post(
    "",
    status_code=202,
    summary="Submit an answer",
    openapi_extra={"requestBody": SUBMISSION_BODY},
    responses={**SUBMISSION_REPLIES, **problem_replies(400, 404, 409, 413, 415, 422)},
)
def create_grading(
    body: Annotated[GradingCreate, Depends(read_submission)],
    request: Request,
    response: Response,
    bank: BankDep,
    sessions: OwnSessionsDep,
    notifier: NotifierDep,
    caller: CallerDep,
    reads_key: ReadsKeyDep,
    after_reply: BackgroundTasks,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            max_length=255,
            description="A text of your choice, new for each answer. Sent again with the same body within seven days "
            "(`VIVA_IDEMPOTENCY_DAYS`), it gets the reply of the first request.",
        ),
    ] = None,
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
        body_hash=_hash_body(body),
        rubric_source="own" if body.rubric else "bank",
        request_id=request.state.request_id,
        trace_parent=trace_parent(),
    )
    reply, replayed = sessions.run(
        lambda session: _submit_answer(session, new, organisation_id=caller.organisation_id),
        patience_seconds=_PATIENCE_SECONDS,
    )
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    else:
        metrics.submitted.inc()
        _log.info("grading %s is queued", reply.id, extra={"grading_id": reply.id})
    # After the reply: a slow notifier must not delay the caller.
    after_reply.add_task(notifier.notify, reply.id)
    response.headers["Location"] = str(request.url_for("read_grading", grading_id=reply.id).path)
    return reply if reads_key else hide_answer_key(reply)


def _hash_body(body: GradingCreate) -> str:
    """Returns the SHA-256 of a body as it was read; a field with its default counts as one left out."""
    fields = body.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _submit_answer(session: Session, new: NewAnswer, *, organisation_id: str) -> tuple[GradingPublic, bool]:
    """Submits an answer; returns the reply, and whether it is the stored one of an earlier request."""
    submitted = submission.submit(session, new, organisation_id=organisation_id)
    if submitted.key and submitted.key.reply:
        return GradingPublic.model_validate(submitted.key.reply), submitted.is_repeated
    reply = GradingPublic.from_grading(submitted.grading)
    if submitted.key:
        submitted.key.reply = reply.model_dump(mode="json")
    return reply, submitted.is_repeated


@router.post("/{grading_id}/cancel", summary="Cancel a grading", responses=problem_replies(404, 409, 422))
def cancel_grading(
    grading_id: GradingIdDep, sessions: OwnSessionsDep, caller: CallerDep, reads_key: ReadsKeyDep
) -> GradingPublic:
    """Cancels a grading that is `queued` or `running`. Cancelling twice changes nothing; a finished one gives 409."""
    reply = _change_grading(sessions, caller, grading_id, lifecycle.cancel)
    return reply if reads_key else hide_answer_key(reply)


@router.post("/{grading_id}/requeue", summary="Grade again", responses=problem_replies(404, 422))
def requeue_grading(
    grading_id: GradingIdDep,
    sessions: OwnSessionsDep,
    notifier: NotifierDep,
    caller: CallerDep,
    reads_key: ReadsKeyDep,
    after_reply: BackgroundTasks,
) -> GradingPublic:
    """Requeues a grading that is `failed`, `dead` or `cancelled`, and deletes its report. Any other is unchanged."""
    reply = _change_grading(sessions, caller, grading_id, lifecycle.requeue)
    after_reply.add_task(notifier.notify, reply.id)
    return reply if reads_key else hide_answer_key(reply)


def _change_grading(
    sessions: SessionFactory, caller: Caller, grading_id: str, change: Callable[[Session, Grading], None]
) -> GradingPublic:
    """Applies a change, which must be idempotent, and returns the grading after it."""

    def change_grading(session: Session) -> GradingPublic:
        grading = lifecycle.get(session, grading_id, organisation_id=caller.organisation_id)
        change(session, grading)
        return GradingPublic.from_grading(grading)

    return sessions.run(change_grading, patience_seconds=_PATIENCE_SECONDS)


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
        return GradingPublic.from_grading(lifecycle.get(session, grading_id, organisation_id=caller.organisation_id))
