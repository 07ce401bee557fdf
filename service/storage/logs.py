"""Rows that are written right before a transaction commits, in the order of the commits: the audit trail and events.

The lock of an organisation's logs is held from there to the end of the commit, so that numbers follow one another
without gaps, and a reader who has seen a number has seen all before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from .locks import lock_logs

# Rows of a transaction that is still open are kept in `Session.info`.
_PENDING = "vivavoce_logs"
Row = Mapping[str, Any]
Writer = Callable[[Session, str, Sequence[Row]], None]


def add_row(session: Session, writer: Writer, row: Row) -> None:
    """Keeps a row until the transaction commits; `writer` then gets the rows of each organisation, in order."""
    session.info.setdefault(_PENDING, []).append((writer, row))


# Every session may have rows; one without costs nothing.
@event.listens_for(Session, "before_commit")
def _write_pending_rows(session: Session) -> None:
    if _PENDING not in session.info or session.in_nested_transaction():
        return
    # A flush that waits while holding the lock could deadlock.
    session.flush()
    pending: list[tuple[Writer, Row]] = session.info.pop(_PENDING)
    # A fixed order of the locks avoids deadlocks.
    for organisation_id in sorted({row["organisation_id"] for _, row in pending}):
        lock_logs(session, organisation_id)
        own = [(writer, row) for writer, row in pending if row["organisation_id"] == organisation_id]
        for writer in dict.fromkeys(writer for writer, _ in own):
            writer(session, organisation_id, [row for owner, row in own if owner is writer])


@event.listens_for(Session, "after_rollback")
def _discard_pending_rows(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(_PENDING, None)
