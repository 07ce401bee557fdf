"""The statements that take an answer in: as few as can be, as each is a round trip.

They name tables, not classes, for speed, so each names the organisation itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..engine import SessionFactory
from ..tables import ApiKey, Grading, OutboxMessage, RubricVersion, State, StoredRubric, Submission
from ..tenancy import check_organisation

_SUBMISSION, _GRADING, _OUTBOX, _KEY, _RUBRIC, _VERSION = (
    cast(sa.Table, table.__table__)
    for table in (Submission, Grading, OutboxMessage, ApiKey, StoredRubric, RubricVersion)
)
_ORGANISATION: sa.BindParameter[str] = sa.bindparam("organisation_id")


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
    """An answer and its grading as they are stored; see the tables. `add_at_once` finds the version of the rubric."""

    id: str
    submission_id: str
    rubric_version_id: str | None
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


def _is_own_frozen() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _RUBRIC.c.organisation_id == _ORGANISATION,
        _RUBRIC.c.question_id == sa.bindparam("question_id"),
        _RUBRIC.c.language == sa.bindparam("language"),
        _RUBRIC.c.status == "frozen",
    )


def _is_wanted_version() -> tuple[sa.ColumnElement[bool], ...]:
    return (_VERSION.c.organisation_id == _ORGANISATION, _VERSION.c.content_hash == sa.bindparam("content_hash"))


def _is_key() -> tuple[sa.ColumnElement[bool], ...]:
    return (_KEY.c.id == sa.bindparam("key_id"), _KEY.c.organisation_id == _ORGANISATION)


def _select_standing() -> sa.Select[Any]:
    own = sa.select(_RUBRIC.c.id).where(*_is_own_frozen()).limit(1)
    version = sa.select(_VERSION.c.id).where(*_is_wanted_version())
    columns = (_KEY.c.revoked_at, _KEY.c.expires_at, own.scalar_subquery(), version.scalar_subquery())
    return sa.select(*columns).where(*_is_key())


def _bind(table: sa.Table, *names: str, **others: str) -> dict[str, sa.BindParameter[Any]]:
    """Returns the parameters of columns; `others` are columns whose parameter has another name."""
    named = {**{name: name for name in names}, **others}
    # SQLAlchemy keeps the plain names of columns for itself.
    return {column: sa.bindparam(f"new_{name}", type_=table.c[column].type) for column, name in named.items()}


def _list_values() -> list[tuple[sa.Table, dict[str, Any]]]:
    """Returns the values of the new rows by table, without the version of the rubric."""
    submission = _bind(
        _SUBMISSION,
        *("organisation_id", "candidate", "answer", "answer_hash", "feedback_language", "created_at"),
        id="submission_id",
    )
    grading = _bind(
        _GRADING,
        *("id", "submission_id", "organisation_id", "priority", "rubric_source", "request_id", "trace_parent"),
        "created_at",
        updated_at="created_at",
        metadata="caller_metadata",
    )
    message = _bind(_OUTBOX, "organisation_id", "created_at", grading_id="id")
    started = {
        "state": sa.literal(State.QUEUED.value),
        **dict.fromkeys(("attempt", "unanswered", "fence"), sa.literal(0)),
    }
    return [(_SUBMISSION, submission), (_GRADING, {**started, **grading}), (_OUTBOX, message)]


def _insert_rows() -> tuple[sa.Insert, ...]:
    version = _bind(_GRADING, "rubric_version_id")
    return tuple(
        sa.insert(table).values({**values, **(version if table is _GRADING else {})})
        for table, values in _list_values()
    )


def _insert_all_at_once() -> sa.Insert:
    """Returns the statement that stores an answer if its key works and the bank's rubric, stored before, grades it.

    For PostgreSQL, which checks foreign keys at the end of a statement.
    """
    moment = sa.bindparam("new_created_at", type_=_KEY.c.created_at.type)
    works = [sa.or_(column.is_(None), column > moment) for column in (_KEY.c.revoked_at, _KEY.c.expires_at)]
    own = sa.exists().where(*_is_own_frozen())
    admitted = (
        sa.select(_VERSION.c.id.label("version_id"))
        .where(*_is_wanted_version(), sa.exists().where(*_is_key(), *works), ~own)
        .cte("admitted")
    )
    inserts = []
    for table, values in _list_values():
        named = {**values, **({"rubric_version_id": admitted.c.version_id} if table is _GRADING else {})}
        rows = sa.select(*named.values()).select_from(admitted)
        inserts.append(sa.insert(table).from_select(list(named), rows, include_defaults=False))
    return inserts[2].add_cte(inserts[0].cte("new_submission"), inserts[1].cte("new_grading"))


_STANDING = _select_standing()
_INSERTS = _insert_rows()
_ALL_AT_ONCE = _insert_all_at_once().execution_options(preserve_rowcount=True)


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
        values = _read_values(new, self._organisation_id)
        for statement in _INSERTS:
            self._connection.execute(statement, values)


def add_at_once(
    sessions: SessionFactory,
    new: NewGrading,
    *,
    organisation_id: str,
    key_id: str,
    question_id: str,
    language: str,
    content_hash: str,
) -> bool:
    """Stores an answer with one statement, which is its own transaction, on PostgreSQL.

    Returns False, and stores nothing, if the key does not work, if the organisation has a rubric of its own, or if the
    bank's has graded nothing for it yet.
    """
    values = _read_values(new, organisation_id)
    named = {"question_id": question_id, "language": language, "content_hash": content_hash, "key_id": key_id}
    with sessions.connect_alone() as connection:
        found = connection.execute(_ALL_AT_ONCE, {**values, **named, "organisation_id": organisation_id})
        return found.rowcount == 1


def _read_values(new: NewGrading, organisation_id: str) -> dict[str, Any]:
    return {"new_organisation_id": organisation_id, **{f"new_{name}": value for name, value in vars(new).items()}}
