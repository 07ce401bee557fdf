"""The judge's calls, kept in the database: the same answer is never judged twice, and any score can be replayed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from vivavoce.graders.judge.call_record import CallRecord
from vivavoce.graders.judge.prompt import ReplyForm
from vivavoce.graders.judge.verdict import Usage
from vivavoce.graders.types import EngineIdentity

from . import clock
from .engine import SessionFactory
from .repositories import JudgeCallRepository
from .tables import DEFAULT_ORGANISATION, JudgeCall


class StoredVerdicts:
    """A VerdictCache over the table `judge_call`; every call is a transaction of its own."""

    def __init__(self, sessions: SessionFactory, *, organisation_id: str = DEFAULT_ORGANISATION) -> None:
        self._sessions = sessions
        self._organisation_id = organisation_id

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CallRecord]:
        """See VerdictCache."""
        return self._sessions.read(lambda session: self._find(session, keys))

    def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
        """See VerdictCache."""
        if not calls:
            return {}
        moment = clock.now()
        rows = [
            {"key": key, "organisation_id": self._organisation_id, "created_at": moment, **_columns(call)}
            for key, call in calls.items()
        ]
        written = self._sessions.run(lambda session: _insert(session, rows))
        late = self.get_many([key for key in calls if key not in written]) if len(written) < len(calls) else {}
        return {key: late.get(key, call) for key, call in calls.items()}

    def _find(self, session: Session, keys: Sequence[str]) -> dict[str, CallRecord]:
        rows = JudgeCallRepository(session).by_keys(keys, organisation_id=self._organisation_id)
        return {row.key: _record(row) for row in rows}


def _insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The keys of the rows that were written; the first call of a key stays, for it is the one that was used."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    new = insert(JudgeCall).values(rows).on_conflict_do_nothing().returning(JudgeCall.key)
    return set(session.scalars(new))


def _columns(call: CallRecord) -> dict[str, Any]:
    return {
        "engine": call.identity.engine,
        "engine_version": call.engine_version,
        "model": call.identity.model,
        "revision": call.identity.revision,
        "prompt_name": call.prompt_name,
        "prompt_hash": call.prompt_hash,
        "form": asdict(call.form),
        "request": _packed(call.request),
        "reply": _packed(call.reply),
        "cost": call.cost,
        "tokens_in": call.usage.tokens_in,
        "tokens_cached": call.usage.tokens_cached,
        "tokens_out": call.usage.tokens_out,
        "seconds": call.seconds,
    }


def _record(row: JudgeCall) -> CallRecord:
    form = row.form
    return CallRecord(
        request=_unpacked(row.request),
        reply=_unpacked(row.reply),
        form=ReplyForm(**{**form, "yes": tuple(form["yes"]), "no": tuple(form["no"])}),
        identity=EngineIdentity(row.engine, row.model, row.revision),
        engine_version=row.engine_version,
        prompt_name=row.prompt_name,
        prompt_hash=row.prompt_hash,
        usage=Usage(row.tokens_in, row.tokens_cached, row.tokens_out),
        seconds=row.seconds,
        cost=row.cost,
    )


def _packed(value: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False).encode("utf-8"))


def _unpacked(value: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(value))
    return found
