"""The route that `viva bench api` compares with: same request, same reply, one key read and one row committed.

It is what FastAPI and SQLAlchemy need for that: no outbox, limits, request ids, metrics or tenancy.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import FastAPI, Header, HTTPException
from sqlalchemy.orm import DeclarativeBase, sessionmaker

from vivavoce.service.api.schemas.gradings.lifecycle import GradingCreate, GradingPublic
from vivavoce.service.storage import clock
from vivavoce.service.storage.tables import State, UtcDateTime, new_id

_METADATA = sa.MetaData()
_KEYS = sa.Table("bench_key", _METADATA, sa.Column("secret_hash", sa.String(64), primary_key=True))
_ANSWERS = sa.Table(
    "bench_answer",
    _METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("question_id", sa.String(64), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("candidate", sa.String(200)),
    sa.Column("metadata", sa.JSON(none_as_null=True)),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
_SELECT_KEY = sa.select(_KEYS.c.secret_hash).where(_KEYS.c.secret_hash == sa.bindparam("sent"))
_INSERT_ANSWER = sa.insert(_ANSWERS)


def prepare_tables(engine: sa.Engine, *, key: str) -> None:
    """Makes the two tables of the bare route, and stores the hash of the key that it admits."""
    _METADATA.drop_all(engine)
    _METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(_KEYS).values(secret_hash=_hash(key)))


class _Base(DeclarativeBase):
    pass


class _Key(_Base):
    __table__ = _KEYS


class _Answer(_Base):
    __table__ = _ANSWERS
    caller_metadata = _ANSWERS.c.metadata


def create_bare_app(engine: sa.Engine) -> FastAPI:
    """Builds the application with the one route, `POST /v1/gradings`, on SQLAlchemy's Core."""
    app = FastAPI()

    # One function in a thread: each dependency, and asyncio's driver, would cost more.
    @app.post("/v1/gradings", status_code=202)
    def create_answer(body: GradingCreate, authorization: Annotated[str, Header()]) -> GradingPublic:
        row = _build_row(body)
        with engine.begin() as connection:
            sent = _hash(authorization.removeprefix("Bearer "))
            if connection.execute(_SELECT_KEY, {"sent": sent}).first() is None:
                raise HTTPException(401)
            connection.execute(_INSERT_ANSWER, row)
        return _show(row)

    return app


def create_bare_orm_app(engine: sa.Engine) -> FastAPI:
    """Builds the same application on SQLAlchemy's ORM, as FastAPI's own documentation has it."""
    app = FastAPI()
    sessions = sessionmaker(engine, expire_on_commit=False)

    @app.post("/v1/gradings", status_code=202)
    def create_answer(body: GradingCreate, authorization: Annotated[str, Header()]) -> GradingPublic:
        row = _build_row(body)
        with sessions.begin() as session:
            if session.get(_Key, _hash(authorization.removeprefix("Bearer "))) is None:
                raise HTTPException(401)
            values = {**row, "caller_metadata": row["metadata"]}
            del values["metadata"]
            session.add(_Answer(**values))
        return _show(row)

    return app


def _build_row(body: GradingCreate) -> dict[str, Any]:
    return {
        "id": new_id(),
        "question_id": body.question_id,
        "language": body.language,
        "answer": body.answer,
        "candidate": body.candidate,
        "metadata": body.metadata,
        "created_at": clock.now(),
    }


def _show(row: dict[str, Any]) -> GradingPublic:
    return GradingPublic(
        id=row["id"],
        state=State.QUEUED,
        question_id=row["question_id"],
        language=row["language"],
        source="bank",
        candidate=row["candidate"],
        attempt=0,
        reason=None,
        detail=None,
        created_at=row["created_at"],
        updated_at=row["created_at"],
        report=None,
        metadata=row["metadata"],
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
