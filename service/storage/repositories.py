"""Queries, named for what they find."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, undefer

from .tables import AuditEvent, Grading, IdempotencyKey, JudgeCall, JudgeVersion, OutboxMessage, RubricVersion, State

# Any number will do, as long as nothing else in the database uses it.
_SWEEPER_LOCK = 7_162_534_001
# Between taking the end of the audit trail and the commit lie two statements; whoever needs longer is frozen.
_AUDIT_IDLE_MILLISECONDS = 10_000


class GradingRepository:
    """Gradings of one organisation, or of all for the workers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_id(self, grading_id: str, *, organisation_id: str) -> Grading | None:
        """A grading of an organisation."""
        grading = self._session.get(Grading, grading_id)
        return grading if grading and grading.organisation_id == organisation_id else None

    def has(self, grading_id: str) -> bool:
        """Whether there is a grading with this identifier."""
        return self._session.scalar(sa.select(Grading.id).where(Grading.id == grading_id)) is not None

    def next_waiting(self, now: datetime) -> Grading | None:
        """The grading that is next in line: highest priority, then oldest."""
        document = joinedload(Grading.rubric_version).undefer(RubricVersion.document)
        return self._session.scalars(self._waiting(now).options(document).limit(1)).unique().first()

    def waiting_like(self, first: Grading, *, now: datetime, limit: int) -> Sequence[Grading]:
        """The next gradings in line that share the rubric version of `first`, with it among them.

        One whose worker was lost before, or that the judge did not answer, comes alone: if it was the
        cause, it takes no other along.
        """
        if first.attempt or first.judge_attempts:
            return [first]
        alike = self._waiting(now).where(
            Grading.rubric_version_id == first.rubric_version_id, Grading.attempt == 0, Grading.judge_attempts == 0
        )
        return self._session.scalars(alike.limit(limit)).unique().all()

    def held_by(self, owner: str) -> Sequence[Grading]:
        """Gradings that are leased to a worker."""
        found = sa.select(Grading).where(Grading.state == State.RUNNING, Grading.lease_owner == owner)
        return self._session.scalars(found).unique().all()

    def owners(self) -> Sequence[str]:
        """The workers that hold leases."""
        held = sa.select(Grading.lease_owner).where(Grading.state == State.RUNNING).distinct()
        return [owner for owner in self._session.scalars(held) if owner]

    def find_stalled(self, now: datetime, *, gone: Sequence[str], limit: int) -> Sequence[Grading]:
        """Gradings whose worker is gone, or showed no sign of life for longer than its lease."""
        found = (
            sa.select(Grading)
            .where(
                Grading.state == State.RUNNING,
                sa.or_(Grading.lease_until < now, Grading.lease_owner.in_(gone)),
            )
            .order_by(Grading.lease_until)
            .limit(limit)
            .with_for_update(of=Grading, skip_locked=True)
        )
        return self._session.scalars(found).unique().all()

    def finished_by(self, rubric_version_id: str) -> Sequence[Grading]:
        """Finished gradings by a rubric version that have a report, the oldest first, locked until the end."""
        found = (
            sa.select(Grading)
            .join(Grading.report)
            .where(
                Grading.rubric_version_id == rubric_version_id,
                Grading.state.in_([State.GRADED, State.NEEDS_REVIEW, State.FAILED]),
            )
            .order_by(Grading.created_at, Grading.id)
            .with_for_update(of=Grading)
        )
        return self._session.scalars(found).unique().all()

    def in_state(self, state: State, *, limit: int) -> Sequence[Grading]:
        """Gradings in a state, the oldest first."""
        found = sa.select(Grading).where(Grading.state == state).order_by(Grading.created_at).limit(limit)
        return self._session.scalars(found).unique().all()

    def counts_by_state(self) -> Mapping[str, int]:
        """How many gradings stand where."""
        rows = self._session.execute(sa.select(Grading.state, sa.func.count()).group_by(Grading.state))
        return {str(state): int(count) for state, count in rows}

    def oldest_open(self) -> datetime | None:
        """When the oldest grading that is not finished came in."""
        return self._session.scalar(
            sa.select(sa.func.min(Grading.created_at)).where(Grading.state.in_([State.QUEUED, State.RUNNING]))
        )

    def _waiting(self, now: datetime) -> sa.Select[Grading]:
        return (
            sa.select(Grading)
            .where(
                Grading.state == State.QUEUED,
                sa.or_(Grading.not_before.is_(None), Grading.not_before <= now),
            )
            .order_by(Grading.priority.desc(), Grading.created_at, Grading.id)
            .with_for_update(of=Grading, skip_locked=True)
        )


class RubricVersionRepository:
    """Rubric versions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_content(self, content_hash: str, *, organisation_id: str) -> RubricVersion | None:
        """The version with that content."""
        return self._session.scalar(
            sa.select(RubricVersion).where(
                RubricVersion.organisation_id == organisation_id,
                RubricVersion.content_hash == content_hash,
            )
        )

    def of_question(self, question_id: str, language: str, *, organisation_id: str) -> Sequence[RubricVersion]:
        """The versions of a question's rubric in a language, the oldest first."""
        found = (
            sa.select(RubricVersion)
            .where(
                RubricVersion.organisation_id == organisation_id,
                RubricVersion.question_id == question_id,
                RubricVersion.language == language,
            )
            .options(undefer(RubricVersion.document))
            .order_by(RubricVersion.created_at, RubricVersion.id)
        )
        return self._session.scalars(found).all()


class IdempotencyRepository:
    """Keys that callers gave their requests."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_key(self, key: str, *, route: str, organisation_id: str) -> IdempotencyKey | None:
        """What a key was used for at a route."""
        return self._session.get(IdempotencyKey, (organisation_id, route, key))

    def try_lock(self, key: str, *, route: str, organisation_id: str) -> bool:
        """Hold a key until the transaction ends; False when another request holds it now.

        SQLite has one writer at a time, so that there nobody else can.
        """
        if self._session.get_bind().dialect.name != "postgresql":
            return True
        name = f"idempotency {organisation_id} {route} {key}"
        lock = sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(name, 0))
        return bool(self._session.scalar(sa.select(lock)))


class OutboxRepository:
    """What is still to be told."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_unpublished(self, before: datetime, *, limit: int) -> Sequence[OutboxMessage]:
        """Messages written before a moment, the oldest first."""
        found = (
            sa.select(OutboxMessage)
            .where(OutboxMessage.created_at < before)
            .order_by(OutboxMessage.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return self._session.scalars(found).all()

    def mark_published(self, grading_ids: Sequence[str]) -> None:
        """Remove the messages about these gradings."""
        self._session.execute(sa.delete(OutboxMessage).where(OutboxMessage.grading_id.in_(grading_ids)))


def try_sweeper_lock(session: Session) -> bool:
    """Be the only sweeper until the transaction ends; False when another is. SQLite has one writer anyway."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_SWEEPER_LOCK))))


class JudgeCallRepository:
    """Calls of the judge."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_keys(self, keys: Sequence[str], *, organisation_id: str) -> Sequence[JudgeCall]:
        """The calls that are known among the keys."""
        return self._session.scalars(
            sa.select(JudgeCall).where(JudgeCall.organisation_id == organisation_id, JudgeCall.key.in_(keys))
        ).all()


class JudgeVersionRepository:
    """Judges that were examined."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest_first(self, organisation_id: str) -> Sequence[JudgeVersion]:
        """All versions of an organisation."""
        found = sa.select(JudgeVersion).where(JudgeVersion.organisation_id == organisation_id)
        return self._session.scalars(found.order_by(JudgeVersion.registered_at.desc(), JudgeVersion.id)).all()

    def active(self, organisation_id: str) -> JudgeVersion | None:
        """The one that grades, locked until the end of the transaction."""
        found = sa.select(JudgeVersion).where(
            JudgeVersion.organisation_id == organisation_id,
            JudgeVersion.promoted_at.is_not(None),
            JudgeVersion.retired_at.is_(None),
        )
        return self._session.scalar(found.with_for_update())

    def promoted_before(self, version: JudgeVersion) -> JudgeVersion | None:
        """The one that was promoted last before another."""
        found = sa.select(JudgeVersion).where(
            JudgeVersion.organisation_id == version.organisation_id, JudgeVersion.promoted_at < version.promoted_at
        )
        return self._session.scalar(found.order_by(JudgeVersion.promoted_at.desc()).limit(1))


class AuditRepository:
    """The audit trail of an organisation."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self, organisation_id: str) -> None:
        """Be the only one who adds to the trail until the transaction ends. SQLite has one writer anyway.

        PostgreSQL drops one that freezes meanwhile, so that it holds nobody up.
        """
        if self._session.get_bind().dialect.name == "postgresql":
            name = sa.func.hashtextextended(f"audit {organisation_id}", 0)
            limit = sa.func.set_config("idle_in_transaction_session_timeout", str(_AUDIT_IDLE_MILLISECONDS), True)
            self._session.execute(sa.select(limit, sa.func.pg_advisory_xact_lock(name)))

    def head(self, organisation_id: str) -> tuple[int, str] | None:
        """Number and hash of the newest event."""
        newest = (
            sa.select(AuditEvent.id, AuditEvent.hash)
            .where(AuditEvent.organisation_id == organisation_id)
            .order_by(AuditEvent.id.desc())
            .limit(1)
        )
        found = self._session.execute(newest).first()
        return (found.id, found.hash) if found else None

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add events to the end."""
        self._session.execute(sa.insert(cast(sa.Table, AuditEvent.__table__)), rows)

    def in_order(self, organisation_id: str) -> Generator[AuditEvent]:
        """All events, the oldest first, a few at a time in memory; close it when you leave early."""
        found = sa.select(AuditEvent).where(AuditEvent.organisation_id == organisation_id).order_by(AuditEvent.id)
        with closing(self._session.scalars(found.execution_options(yield_per=500))) as events:
            for event in events:
                yield event
                self._session.expunge(event)

    def newest(self, organisation_id: str, *, subject: str | None, limit: int) -> Sequence[AuditEvent]:
        """The newest events, of one subject if it is given, the oldest of them first."""
        found = sa.select(AuditEvent).where(AuditEvent.organisation_id == organisation_id)
        if subject:
            found = found.where(AuditEvent.subject == subject)
        return self._session.scalars(found.order_by(AuditEvent.id.desc()).limit(limit)).all()[::-1]
