"""Changes of an organisation's own rubrics: the only place that writes their state.

    draft → frozen → retired

A draft may be edited and deleted. A frozen version never changes; the one frozen last grades the answers to its
question. Each function works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from vivavoce.rubrics import Rubric, content_hash

from .. import audit
from ..audit import Kind
from ..errors import UnfinishedRubric, UnusableRubric, WrongState
from ..events.log import EventKind, append_event
from ..storage import clock
from ..storage.repositories import RubricTestRepository, StoredRubricRepository
from ..storage.tables import StoredRubric
from .documents import read_complete, read_draft, write_document
from .lint import lint_draft, list_errors

_TRIES = 5


def create(session: Session, rubric: Rubric, *, rubric_id: str) -> StoredRubric:
    """Stores a draft as the next version of its question and language; returns the one that has the id already."""
    # The reply to a commit may have been lost.
    if stored := session.get(StoredRubric, rubric_id):
        return stored
    for attempt in range(_TRIES):
        try:
            with session.begin_nested():
                row = _build_row(session, rubric, rubric_id)
                session.add(row)
            return row
        except IntegrityError:
            # Another request has taken the number meanwhile.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def edit(row: StoredRubric, document: Mapping[str, Any]) -> None:
    """Replaces the document of a draft. Raises WrongState unless it is one, and UnusableRubric."""
    _require_draft(row, "edited")
    rubric = read_draft(document)
    named = (rubric.question.id, rubric.question.language)
    if named != (row.question_id, row.language):
        raise UnusableRubric(
            f"This is a draft for '{row.question_id}' ({row.language}), and the body is for '{named[0]}' ({named[1]}): "
            "keep id and language of the question, or create another draft."
        )
    row.document = write_document(rubric)
    row.revision += 1
    row.updated_at = clock.now()


def delete(session: Session, row: StoredRubric) -> None:
    """Deletes a draft with its tests. Raises WrongState unless it is one."""
    _require_draft(row, "deleted")
    RubricTestRepository(session).delete_of(row.id)
    session.delete(row)


def freeze(session: Session, row: StoredRubric, *, actor: str) -> None:
    """Freezes a draft, by which answers are graded from then on. Freezing twice changes nothing.

    Raises WrongState for a retired version, and UnfinishedRubric, which names all errors of the lint.
    """
    if row.status == "frozen":
        return
    _require_draft(row, "frozen")
    if errors := list_errors(lint_draft(read_draft(row.document))):
        named = "; ".join(f"{finding.pointer or '/'}: {finding.message}" for finding in errors)
        raise UnfinishedRubric(
            f"The draft has {len(errors)} error{'s' if len(errors) > 1 else ''} that GET /v1/rubrics/{row.id}/lint "
            f"lists: {named}."
        )
    rubric = read_complete(row.document)
    row.document = write_document(rubric)
    row.content_hash = content_hash(rubric)
    row.status = "frozen"
    row.frozen_at = _mark_changed(row)
    _log(session, row, EventKind.RUBRIC_FROZEN, Kind.RUBRIC_FROZEN, actor=actor)


def retire(session: Session, row: StoredRubric, *, actor: str) -> None:
    """Retires a frozen version, which grades no new answers then. Retiring twice changes nothing.

    Raises WrongState for a draft.
    """
    if row.status == "retired":
        return
    if row.status == "draft":
        raise WrongState(f"Rubric '{row.id}' is a draft, which is deleted, not retired: DELETE /v1/rubrics/{row.id}.")
    row.status = "retired"
    row.retired_at = _mark_changed(row)
    _log(session, row, EventKind.RUBRIC_RETIRED, Kind.RUBRIC_RETIRED, actor=actor)


def _build_row(session: Session, rubric: Rubric, rubric_id: str) -> StoredRubric:
    question = rubric.question
    moment = clock.now()
    return StoredRubric(
        id=rubric_id,
        question_id=question.id,
        language=question.language,
        version=StoredRubricRepository(session).last_number(question.id, question.language) + 1,
        status="draft",
        document=write_document(rubric),
        revision=1,
        created_at=moment,
        updated_at=moment,
    )


def _require_draft(row: StoredRubric, change: str) -> None:
    if row.status != "draft":
        raise WrongState(
            f"Rubric '{row.id}' is {row.status}, and only a draft can be {change}: make a new draft of it with "
            f'POST /v1/rubrics and {{"from": {{"rubric_id": "{row.id}"}}}}.'
        )


def _mark_changed(row: StoredRubric) -> datetime:
    row.revision += 1
    row.updated_at = clock.now()
    return row.updated_at


def _log(session: Session, row: StoredRubric, event: EventKind, kind: Kind, *, actor: str) -> None:
    """Writes a change to the event log and to the audit trail."""
    data = {"question_id": row.question_id, "language": row.language, "version": row.version}
    append_event(session, event, subject_id=row.id, organisation_id=row.organisation_id, data=data)
    audit.append_event(
        session,
        kind=kind,
        subject=row.id,
        details={**data, "content_hash": row.content_hash},
        actor=actor,
        organisation_id=row.organisation_id,
    )
