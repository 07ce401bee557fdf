"""The cache of judge calls in the database: no answer is judged twice, and every score can be replayed."""

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
    """A VerdictCache in the table `judge_call`. Each method is one transaction."""

    def __init__(self, sessions: SessionFactory, *, organisation_id: str = DEFAULT_ORGANISATION) -> None:
        self._sessions = sessions
        self._organisation_id = organisation_id

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CallRecord]:
        """See VerdictCache."""
        return self._sessions.read(lambda session: self._find_calls(session, keys))

    def put_many(self, calls: Mapping[str, CallRecord]) -> Mapping[str, CallRecord]:
        """See VerdictCache. Of concurrent calls with one key, the first is kept and returned to all."""
        if not calls:
            return {}
        moment = clock.now()
        rows = [
            {"key": key, "organisation_id": self._organisation_id, "created_at": moment, **_to_columns(call)}
            for key, call in calls.items()
        ]
        written = self._sessions.run(lambda session: _insert_calls(session, rows))
        earlier = self.get_many([key for key in calls if key not in written]) if len(written) < len(calls) else {}
        return {key: earlier.get(key, call) for key, call in calls.items()}

    def _find_calls(self, session: Session, keys: Sequence[str]) -> dict[str, CallRecord]:
        rows = JudgeCallRepository(session).by_keys(keys, organisation_id=self._organisation_id)
        return {row.key: _to_record(row) for row in rows}


def _insert_calls(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Inserts the rows whose key is new; returns their keys."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # The first call of a key stays: its verdicts may be in use.
    statement = insert(JudgeCall).values(rows).on_conflict_do_nothing().returning(JudgeCall.key)
    return set(session.scalars(statement))


def _to_columns(call: CallRecord) -> dict[str, Any]:
    return {
        "engine": call.identity.engine,
        "engine_version": call.engine_version,
        "model": call.identity.model,
        "revision": call.identity.revision,
        "prompt_name": call.prompt_name,
        "prompt_hash": call.prompt_hash,
        "form": asdict(call.form),
        "request": _compress_json(call.request),
        "reply": _compress_json(call.reply),
        "cost": call.cost,
        "tokens_in": call.usage.tokens_in,
        "tokens_cached": call.usage.tokens_cached,
        "tokens_out": call.usage.tokens_out,
        "seconds": call.seconds,
    }


def _to_record(row: JudgeCall) -> CallRecord:
    form = row.form
    return CallRecord(
        request=_decompress_json(row.request),
        reply=_decompress_json(row.reply),
        # JSON has no tuples.
        form=ReplyForm(**{**form, "yes": tuple(form["yes"]), "no": tuple(form["no"])}),
        identity=EngineIdentity(row.engine, row.model, row.revision),
        engine_version=row.engine_version,
        prompt_name=row.prompt_name,
        prompt_hash=row.prompt_hash,
        usage=Usage(row.tokens_in, row.tokens_cached, row.tokens_out),
        seconds=row.seconds,
        cost=row.cost,
    )


def _compress_json(value: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False).encode("utf-8"))


def _decompress_json(value: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(zlib.decompress(value))
    return decoded
