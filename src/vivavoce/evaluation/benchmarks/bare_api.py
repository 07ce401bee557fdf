"""The route that `viva bench api` compares with: same request, same reply, one key read and one row committed.

It is what FastAPI and SQLAlchemy need for that: no outbox, limits, request ids, metrics or tenancy.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import FastAPI, Header, HTTPException
from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from vivavoce.service.api.schemas.gradings import GradingCreate, GradingPublic
from vivavoce.service.storage import clock
from vivavoce.service.storage.tables import State, UtcDateTime, new_id


class _Base(DeclarativeBase):
    pass


class _BareKey(_Base):
    __tablename__ = "bench_key"
    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class _BareAnswer(_Base):
    __tablename__ = "bench_answer"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    question_id: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(2))
    answer: Mapped[str] = mapped_column(Text)
    candidate: Mapped[str | None] = mapped_column(String(200))
    caller_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def prepare_tables(engine: sa.Engine, *, key: str) -> None:
    """Makes the two tables of the bare route, and stores the hash of the key that it admits."""
    _Base.metadata.drop_all(engine)
    _Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(_BareKey).values(secret_hash=_hash(key)))


def create_bare_app(engine: sa.Engine) -> FastAPI:
    """Builds the application with the one route, `POST /v1/gradings`."""
    app = FastAPI()
    sessions = sessionmaker(engine, expire_on_commit=False)

    # One function in a thread: each dependency, and asyncio's driver, would cost more.
    @app.post("/v1/gradings", status_code=202)
    def create_answer(body: GradingCreate, authorization: Annotated[str, Header()]) -> GradingPublic:
        with sessions.begin() as session:
            if session.get(_BareKey, _hash(authorization.removeprefix("Bearer "))) is None:
                raise HTTPException(401)
            row = _BareAnswer(
                id=new_id(),
                question_id=body.question_id,
                language=body.language,
                answer=body.answer,
                candidate=body.candidate,
                caller_metadata=body.metadata,
                created_at=clock.now(),
            )
            session.add(row)
        return _show(row)

    return app


def _show(row: _BareAnswer) -> GradingPublic:
    return GradingPublic(
        id=row.id,
        state=State.QUEUED,
        question_id=row.question_id,
        language=row.language,
        source="bank",
        candidate=row.candidate,
        attempt=0,
        reason=None,
        detail=None,
        created_at=row.created_at,
        updated_at=row.created_at,
        report=None,
        metadata=row.caller_metadata,
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
