"""Taking answers in, each at most once for an idempotency key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from vivavoce.graders import answer_hash
from vivavoce.rubrics import Rubric, content_hash, structure_hash

from . import lifecycle
from .errors import DraftRubric, IdempotencyInProgress, IdempotencyMismatch
from .storage import clock
from .storage.repositories import (
    GradingRepository,
    IdempotencyRepository,
    RubricVersionRepository,
)
from .storage.tables import (
    DEFAULT_ORGANISATION,
    Grading,
    IdempotencyKey,
    OutboxMessage,
    RubricVersion,
    State,
    Submission,
    new_id,
)

SUBMIT_ROUTE = "POST /v1/gradings"


@dataclass(frozen=True)
class NewAnswer:
    """An answer to be graded by a rubric; `idempotency_key` makes a repeated request the same one.

    `id` is the grading's: submitting the same value twice, because the first commit's reply was lost,
    makes one grading.
    """

    rubric: Rubric
    answer: str
    candidate: str | None = None
    feedback_language: str | None = None
    priority: int = lifecycle.INTERACTIVE
    idempotency_key: str | None = None
    request_id: str | None = None
    trace_parent: str | None = None
    id: str = field(default_factory=new_id)

    def request_hash(self) -> str:
        """SHA-256 of what was asked for."""
        parts = [
            content_hash(self.rubric),
            self.answer,
            self.candidate,
            self.feedback_language,
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Submitted:
    """A grading, the idempotency key it was submitted with, and whether a request with that key came before."""

    grading: Grading
    key: IdempotencyKey | None
    is_repeated: bool = False


def submit(session: Session, new: NewAnswer, *, organisation_id: str = DEFAULT_ORGANISATION) -> Submitted:
    """Take an answer in: submission, grading (`queued`) and outbox message in one transaction.

    The same idempotency key with the same request gives the grading that is there already; with
    another request it raises IdempotencyMismatch, and while the first is being carried out
    IdempotencyInProgress. A rubric that is a draft raises DraftRubric.
    """
    if new.rubric.status == "draft":
        raise DraftRubric(f"The rubric of '{new.rubric.question.id}' is a draft: freeze it with 'viva rubric freeze'.")
    if new.idempotency_key and (used := _earlier_use(session, new, organisation_id=organisation_id)):
        there = lifecycle.get(session, used.grading_id, organisation_id=organisation_id)
        return Submitted(there, used, is_repeated=there.id != new.id)
    if GradingRepository(session).has(new.id):
        return Submitted(lifecycle.get(session, new.id, organisation_id=organisation_id), None)
    moment = clock.now()
    submission = Submission(
        organisation_id=organisation_id,
        candidate=new.candidate,
        answer=new.answer,
        answer_hash=answer_hash(new.answer),
        feedback_language=new.feedback_language,
        created_at=moment,
    )
    session.add(submission)
    version = rubric_version(session, new.rubric, organisation_id=organisation_id)
    grading = Grading(
        id=new.id,
        organisation_id=organisation_id,
        submission=submission,
        rubric_version=version,
        state=State.QUEUED,
        priority=new.priority,
        request_id=new.request_id,
        trace_parent=new.trace_parent,
        created_at=moment,
        updated_at=moment,
        report=None,
    )
    session.add(grading)
    session.flush()
    session.add(OutboxMessage(grading_id=grading.id, organisation_id=organisation_id, created_at=moment))
    key = None
    if new.idempotency_key:
        key = IdempotencyKey(
            organisation_id=organisation_id,
            route=SUBMIT_ROUTE,
            key=new.idempotency_key,
            request_hash=new.request_hash(),
            grading_id=grading.id,
            created_at=moment,
        )
        session.add(key)
    session.flush()
    return Submitted(grading, key)


def _earlier_use(session: Session, new: NewAnswer, *, organisation_id: str) -> IdempotencyKey | None:
    assert new.idempotency_key
    keys = IdempotencyRepository(session)
    where = {"route": SUBMIT_ROUTE, "organisation_id": organisation_id}
    if not keys.try_lock(new.idempotency_key, **where):
        raise IdempotencyInProgress(
            "A request with this Idempotency-Key is being carried out: wait a moment, then send it again."
        )
    used = keys.by_key(new.idempotency_key, **where)
    if used and used.request_hash != new.request_hash():
        raise IdempotencyMismatch("This Idempotency-Key was used for another request: use a new key for a new answer.")
    return used


def rubric_version(session: Session, rubric: Rubric, *, organisation_id: str) -> RubricVersion:
    """The version of a rubric with this content; it is written when it is new, and never changed."""
    found = RubricVersionRepository(session).by_content(content_hash(rubric), organisation_id=organisation_id)
    if found:
        return found
    version = RubricVersion(
        organisation_id=organisation_id,
        question_id=rubric.question.id,
        language=rubric.question.language,
        content_hash=content_hash(rubric),
        structure_hash=structure_hash(rubric),
        document=rubric.model_dump(mode="json"),
        created_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(version)
    except IntegrityError:
        # Somebody else wrote it meanwhile.
        found = RubricVersionRepository(session).by_content(content_hash(rubric), organisation_id=organisation_id)
        if found is None:
            raise
        return found
    return version
