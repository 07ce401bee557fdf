"""Locks that hold until the end of the transaction. SQLite needs none: its writing transactions run one at a time."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

# An arbitrary number that nothing else in the database uses.
_SWEEPER_LOCK = 7_162_534_001
# The lock is held for two statements only.
_AUDIT_IDLE_MILLISECONDS = 10_000


def try_sweeper_lock(session: Session) -> bool:
    """Takes the lock of the sweep; returns False if another transaction holds it."""
    if not _is_postgresql(session):
        return True
    return bool(session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_SWEEPER_LOCK))))


def try_named_lock(session: Session, name: str) -> bool:
    """Takes the lock of a name; returns False if another transaction holds it."""
    if not _is_postgresql(session):
        return True
    lock = sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(name, 0))
    return bool(session.scalar(sa.select(lock)))


def lock_logs(session: Session, organisation_id: str) -> None:
    """Waits for the lock of an organisation's audit trail and event log.

    PostgreSQL ends a transaction that is idle for 10 seconds while it holds the lock, so that a frozen process does
    not block all others.
    """
    if _is_postgresql(session):
        name = sa.func.hashtextextended(f"audit {organisation_id}", 0)
        limit = sa.func.set_config("idle_in_transaction_session_timeout", str(_AUDIT_IDLE_MILLISECONDS), True)
        session.execute(sa.select(limit, sa.func.pg_advisory_xact_lock(name)))


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
