"""The judge's verdicts, kept in the database: the same answer is never judged twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.dialects import postgresql, sqlite

from vivavoce.graders.judge.verdict import Verdict

from .. import lifecycle
from .engine import SessionFactory
from .repositories import JudgeCallRepository
from .tables import DEFAULT_ORGANISATION, JudgeCall


class StoredVerdicts:
    """A VerdictCache over the table `judge_call`; every call is a transaction of its own."""

    def __init__(self, sessions: SessionFactory, *, organisation_id: str = DEFAULT_ORGANISATION) -> None:
        self._sessions = sessions
        self._organisation_id = organisation_id

    def get_many(self, keys: Sequence[str]) -> Mapping[str, Verdict]:
        """See VerdictCache."""
        with self._sessions() as session:
            rows = JudgeCallRepository(session).by_keys(keys, organisation_id=self._organisation_id)
            return {
                row.key: Verdict(
                    log_odds=row.log_odds,
                    mass=row.mass,
                    tokens_in=row.tokens_in,
                    tokens_cached=row.tokens_cached,
                    tokens_out=row.tokens_out,
                    seconds=row.seconds,
                )
                for row in rows
            }

    def put_many(self, verdicts: Mapping[str, Verdict]) -> None:
        """See VerdictCache."""
        if not verdicts:
            return
        moment = lifecycle.now()
        rows = [
            {
                "key": key,
                "organisation_id": self._organisation_id,
                "log_odds": verdict.log_odds,
                "mass": verdict.mass,
                "tokens_in": verdict.tokens_in,
                "tokens_cached": verdict.tokens_cached,
                "tokens_out": verdict.tokens_out,
                "seconds": verdict.seconds,
                "created_at": moment,
            }
            for key, verdict in verdicts.items()
        ]
        with self._sessions.begin() as session:
            # The first verdict stays: whoever comes later must find the one that was used.
            if session.get_bind().dialect.name == "postgresql":
                session.execute(postgresql.insert(JudgeCall).values(rows).on_conflict_do_nothing())
            else:
                session.execute(sqlite.insert(JudgeCall).values(rows).on_conflict_do_nothing())
