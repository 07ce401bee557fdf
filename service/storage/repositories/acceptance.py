"""The statements that take an answer in: one reads what decides it, one stores it, as each is a round trip.

They name tables, not classes, for speed, so each names the organisation itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import ApiKey, Grading, OutboxMessage, RubricVersion, State, StoredRubric, Submission
from ..tenancy import check_organisation

_SUBMISSION, _GRADING, _OUTBOX, _KEY, _RUBRIC, _VERSION = (
    cast(sa.Table, table.__table__)
    for table in (Submission, Grading, OutboxMessage, ApiKey, StoredRubric, RubricVersion)
)
_ORGANISATION = sa.bindparam("organisation_id")


@dataclass(frozen=True)
class Standing:
    """What the database says about a request: until when its key works, and which rubrics there are.

    `own_rubric_id` is a frozen rubric of the organisation for the question, which comes before the bank's;
    `version_id` the stored version with the content of the bank's.
    """

    revoked_at: datetime | None
    expires_at: datetime | None
    own_rubric_id: str | None
    version_id: str | None


@dataclass(frozen=True)
class NewGrading:
    """An answer and its grading as they are stored; see the tables."""

    id: str
    submission_id: str
    rubric_version_id: str
    answer: str
    answer_hash: str
    candidate: str | None
    feedback_language: str | None
    priority: int
    rubric_source: Literal["bank", "own"] | None
    caller_metadata: dict[str, str] | None
    request_id: str | None
    trace_parent: str | None
    created_at: datetime


def _select_standing() -> sa.Select[Any]:
    own = (
        sa.select(_RUBRIC.c.id)
        .where(
            _RUBRIC.c.organisation_id == _ORGANISATION,
            _RUBRIC.c.question_id == sa.bindparam("question_id"),
            _RUBRIC.c.language == sa.bindparam("language"),
            _RUBRIC.c.status == "frozen",
        )
        .limit(1)
    )
    version = sa.select(_VERSION.c.id).where(
        _VERSION.c.organisation_id == _ORGANISATION, _VERSION.c.content_hash == sa.bindparam("content_hash")
    )
    return sa.select(_KEY.c.revoked_at, _KEY.c.expires_at, own.scalar_subquery(), version.scalar_subquery()).where(
        _KEY.c.id == sa.bindparam("key_id"), _KEY.c.organisation_id == _ORGANISATION
    )


def _bind(*names: str) -> dict[str, sa.BindParameter[Any]]:
    # SQLAlchemy keeps the plain names of columns for itself.
    return {name: sa.bindparam(f"new_{name}") for name in names}


def _insert_submission() -> sa.Insert:
    columns = ("organisation_id", "candidate", "answer", "answer_hash", "feedback_language", "created_at")
    return sa.insert(_SUBMISSION).values({"id": sa.bindparam("new_submission_id"), **_bind(*columns)})


def _insert_grading() -> sa.Insert:
    columns = ("id", "submission_id", "organisation_id", "rubric_version_id", "priority", "rubric_source")
    values = {
        **_bind(*columns, "request_id", "trace_parent", "created_at"),
        "metadata": sa.bindparam("new_caller_metadata"),
        "updated_at": sa.bindparam("new_created_at"),
    }
    started = {"state": State.QUEUED.value, "attempt": 0, "unanswered": 0, "fence": 0}
    return sa.insert(_GRADING).values({**started, **values})


def _insert_message() -> sa.Insert:
    return sa.insert(_OUTBOX).values({"grading_id": sa.bindparam("new_id"), **_bind("organisation_id", "created_at")})


_STANDING = _select_standing()
_INSERTS = (_insert_submission(), _insert_grading(), _insert_message())
# PostgreSQL checks foreign keys at the end of the whole statement.
_INSERT_ALL = _INSERTS[2].add_cte(_INSERTS[0].cte("new_submission"), _INSERTS[1].cte("new_grading"))


class AcceptanceRepository:
    """What taking one answer of an organisation in reads and stores."""

    def __init__(self, session: Session, organisation_id: str) -> None:
        check_organisation(session, organisation_id)
        self._connection = session.connection()
        self._organisation_id = organisation_id

    def read_standing(self, key_id: str, *, question_id: str, language: str, content_hash: str) -> Standing | None:
        """Returns what decides a request of a key; None if there is no such key."""
        found = self._connection.execute(
            _STANDING,
            {
                "key_id": key_id,
                "organisation_id": self._organisation_id,
                "question_id": question_id,
                "language": language,
                "content_hash": content_hash,
            },
        ).first()
        return Standing(*found) if found else None

    def add(self, new: NewGrading) -> None:
        """Stores an answer, its grading and the notification of the workers."""
        statements = (_INSERT_ALL,) if self._connection.dialect.name == "postgresql" else _INSERTS
        values = {f"new_{name}": value for name, value in vars(new).items()}
        values["new_organisation_id"] = self._organisation_id
        for statement in statements:
            self._connection.execute(statement, values)
