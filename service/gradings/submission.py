"""Submission of answers: stored and queued in one transaction, at most once for an idempotency key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from vivavoce.graders import answer_hash
from vivavoce.rubrics import Rubric, content_hash, structure_hash

from ..errors import DraftRubric
from ..idempotency import KeyUse, add_key, find_earlier_use
from ..storage import clock
from ..storage.repositories import AcceptanceRepository, GradingRepository, NewGrading, RubricVersionRepository
from ..storage.tables import DEFAULT_ORGANISATION, Grading, IdempotencyKey, RubricVersion, new_id
from . import lifecycle

SUBMIT_ROUTE = "POST /v1/gradings"


@dataclass(frozen=True)
class NewAnswer:
    """An answer to be graded by a rubric. Requests with the same `idempotency_key` are one request.

    `body_hash` is a hash of everything that the caller sent, for such a key. `rubric_source` is `bank` or `own`,
    `metadata` what the caller keeps with the grading.
    `id` becomes the id of the grading. It is chosen here so that the same value can be submitted again when the reply
    to a commit was lost.
    """

    rubric: Rubric
    answer: str
    candidate: str | None = None
    feedback_language: str | None = None
    priority: int = lifecycle.INTERACTIVE
    idempotency_key: str | None = None
    body_hash: str | None = None
    rubric_source: Literal["bank", "own"] | None = None
    metadata: dict[str, str] | None = None
    request_id: str | None = None
    trace_parent: str | None = None
    id: str = field(default_factory=new_id)

    def request_hash(self) -> str:
        """Returns the hash that is stored with the key: of the body, or without one of what decides the grading."""
        return self.body_hash or self.content_hash()

    def content_hash(self) -> str:
        """Returns the SHA-256 of what decides the grading; the priority is not part of it."""
        parts = [
            content_hash(self.rubric),
            self.answer,
            self.candidate,
            self.feedback_language,
        ]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Submitted:
    """A grading with its idempotency key, and whether an earlier request with that key submitted it."""

    grading: Grading
    key: IdempotencyKey | None
    is_repeated: bool = False


def submit(session: Session, new: NewAnswer, *, organisation_id: str = DEFAULT_ORGANISATION) -> Submitted:
    """Stores an answer with a `queued` grading and an outbox message; returns the existing grading for a known key.

    Raises DraftRubric for a draft, IdempotencyMismatch if the key was used for another request, and
    IdempotencyInProgress while another request with the key is running.
    """
    check_rubric(new.rubric)
    if new.idempotency_key and (key := _find_earlier_use(session, new, organisation_id=organisation_id)):
        assert key.grading_id
        grading = lifecycle.get(session, key.grading_id, organisation_id=organisation_id)
        return Submitted(grading, key, is_repeated=grading.id != new.id)
    # Without a key, the id shows that the first commit succeeded.
    if GradingRepository(session).has_grading(new.id):
        return Submitted(lifecycle.get(session, new.id, organisation_id=organisation_id), None)
    version = rubric_version(session, new.rubric, organisation_id=organisation_id)
    store_answer(session, new, version_id=version.id, organisation_id=organisation_id)
    grading = lifecycle.get(session, new.id, organisation_id=organisation_id)
    if not new.idempotency_key:
        return Submitted(grading, None)
    use = _describe_use(new, organisation_id=organisation_id)
    return Submitted(grading, add_key(session, use, grading_id=new.id))


def _find_earlier_use(session: Session, new: NewAnswer, *, organisation_id: str) -> IdempotencyKey | None:
    # A key may have been stored before bodies were hashed.
    use = _describe_use(new, organisation_id=organisation_id)
    return find_earlier_use(session, use, other_hashes=[new.content_hash()])


def _describe_use(new: NewAnswer, *, organisation_id: str) -> KeyUse:
    assert new.idempotency_key
    return KeyUse(new.idempotency_key, SUBMIT_ROUTE, new.request_hash(), organisation_id)


def store_answer(session: Session, new: NewAnswer, *, version_id: str, organisation_id: str) -> NewGrading:
    """Stores an answer with a `queued` grading by a stored version of its rubric, and an outbox message."""
    stored = build_rows(new, version_id=version_id)
    AcceptanceRepository(session, organisation_id).add(stored)
    return stored


def build_rows(new: NewAnswer, *, version_id: str | None) -> NewGrading:
    """Returns what is stored of an answer, by a version of its rubric."""
    return NewGrading(
        id=new.id,
        submission_id=new_id(),
        rubric_version_id=version_id,
        answer=new.answer,
        answer_hash=answer_hash(new.answer),
        candidate=new.candidate,
        feedback_language=new.feedback_language,
        priority=new.priority,
        rubric_source=new.rubric_source,
        caller_metadata=new.metadata,
        request_id=new.request_id,
        trace_parent=new.trace_parent,
        created_at=clock.now(),
    )


def check_rubric(rubric: Rubric) -> None:
    """Raises DraftRubric for a draft, by which nothing is graded."""
    if rubric.status == "draft":
        raise DraftRubric(
            f"The rubric of '{rubric.question.id}' is a draft: freeze it with 'viva rubric freeze' or "
            'POST /v1/rubrics/ID/freeze, or send it with "status": "frozen".'
        )


def rubric_version(session: Session, rubric: Rubric, *, organisation_id: str) -> RubricVersion:
    """Returns the stored version with this rubric's content; stores it if it is new."""
    versions = RubricVersionRepository(session)
    stored = versions.by_content(content_hash(rubric), organisation_id=organisation_id)
    if stored:
        return stored
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
        # Another transaction has stored it meanwhile.
        stored = versions.by_content(content_hash(rubric), organisation_id=organisation_id)
        if stored is None:
            raise
        return stored
    return version
