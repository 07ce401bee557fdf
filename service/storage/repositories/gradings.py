"""The queries on gradings, rubric versions, reports and notifications, named for what they return."""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, undefer

from ..tables import Cohort, CohortState, Grading, OutboxMessage, Report, RubricVersion, State

# Rows that are in memory at a time when a whole table is read.
_ROWS_AT_ONCE = 500
# The priority of what no caller waits for.
_BATCH = 0


@dataclass(frozen=True)
class OpenGrading:
    """An open grading: the worker that holds it until its lease ends, and since when it is in its state."""

    id: str
    owner: str | None
    lease_until: datetime | None
    changed_at: datetime
    reason: str | None


class GradingRepository:
    """Gradings. Callers of the API see those of one organisation, workers all of them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_id(self, grading_id: str, *, organisation_id: str, lock: bool = False) -> Grading | None:
        """Returns a grading of an organisation; `lock` holds it until the transaction ends."""
        grading = self._session.get(Grading, grading_id, with_for_update={"of": Grading} if lock else None)
        return grading if grading and grading.organisation_id == organisation_id else None

    def has_grading(self, grading_id: str) -> bool:
        """Returns whether any organisation has a grading with this id."""
        return self._session.scalar(sa.select(Grading.id).where(Grading.id == grading_id)) is not None

    def next_waiting(self, now: datetime) -> Grading | None:
        """Returns the next grading to claim: one that a caller waits for, else the first of a batch or a cohort.

        Of the cohorts that run, and the batches outside of any, the one with the fewest gradings in work is next, a
        random one of equals. Cohorts that do not run are never looked at, however many gradings wait in them.
        """
        # Written out, as in the index.
        awaited = self._select_waiting(now).where(sa.text("grading.state = 'queued' AND grading.priority > 0"))
        if first := self._first_of(awaited):
            return first
        for cohort_id in self._waiting_cohorts():
            of_cohort = Grading.cohort_id.is_(None) if cohort_id is None else Grading.cohort_id == cohort_id
            if first := self._first_of(self._select_waiting(now).where(of_cohort, Grading.priority == _BATCH)):
                return first
        return None

    def waiting_like(self, first: Grading, *, now: datetime, limit: int) -> Sequence[Grading]:
        """Returns up to `limit` gradings to claim with `first`, which is among them, all of its cohort and rubric.

        A grading that lost a worker or got no verdict before comes alone, so that it takes no others along.
        """
        if first.attempt or first.judge_attempts:
            return [first]
        of_cohort: list[sa.ColumnElement[bool]]
        if first.cohort_id is None:
            of_cohort = [Grading.cohort_id.is_(None)]
        else:
            of_cohort = [Grading.cohort_id == first.cohort_id, Grading.priority == first.priority]
        alike = self._select_waiting(now).where(
            *of_cohort,
            Grading.rubric_version_id == first.rubric_version_id,
            Grading.attempt == 0,
            Grading.judge_attempts == 0,
        )
        return self._session.scalars(alike.limit(limit)).unique().all()

    def held_by(self, owner: str) -> Sequence[Grading]:
        """Returns the gradings that are leased to a worker."""
        query = sa.select(Grading).where(Grading.state == State.RUNNING, Grading.lease_owner == owner)
        return self._session.scalars(query).unique().all()

    def open_among(self, grading_ids: Sequence[str]) -> Sequence[OpenGrading]:
        """Returns those of the gradings that are queued or running."""
        columns = (Grading.id, Grading.lease_owner, Grading.lease_until, Grading.updated_at, Grading.reason)
        found: list[OpenGrading] = []
        for start in range(0, len(grading_ids), _ROWS_AT_ONCE):
            query = sa.select(*columns).where(
                Grading.id.in_(grading_ids[start : start + _ROWS_AT_ONCE]),
                Grading.state.in_([State.QUEUED, State.RUNNING]),
            )
            found += [OpenGrading(*row) for row in self._session.execute(query)]
        return found

    def owners(self) -> Sequence[str]:
        """Returns the workers that hold leases."""
        query = sa.select(Grading.lease_owner).where(Grading.state == State.RUNNING).distinct()
        return [owner for owner in self._session.scalars(query) if owner]

    def find_stalled(self, now: datetime, *, gone: Sequence[str], limit: int) -> Sequence[Grading]:
        """Returns leased gradings whose lease has expired or whose worker is in `gone`, the first to expire first."""
        query = (
            sa.select(Grading)
            .where(
                Grading.state == State.RUNNING,
                sa.or_(Grading.lease_until < now, Grading.lease_owner.in_(gone)),
            )
            .order_by(Grading.lease_until)
            .limit(limit)
            # Skips what a worker is writing at this moment.
            .with_for_update(of=Grading, skip_locked=True)
        )
        return self._session.scalars(query).unique().all()

    def finished_by(self, rubric_version_id: str) -> Sequence[Grading]:
        """Returns finished gradings with a report by a rubric version, the oldest first, and locks them."""
        query = (
            sa.select(Grading)
            .join(Grading.report)
            .where(
                Grading.rubric_version_id == rubric_version_id,
                Grading.state.in_([State.GRADED, State.NEEDS_REVIEW, State.FAILED]),
            )
            .order_by(Grading.created_at, Grading.id)
            .with_for_update(of=Grading)
        )
        return self._session.scalars(query).unique().all()

    def in_state(self, state: State, *, limit: int) -> Sequence[Grading]:
        """Returns gradings in a state, the oldest first."""
        query = sa.select(Grading).where(Grading.state == state).order_by(Grading.created_at).limit(limit)
        return self._session.scalars(query).unique().all()

    def finished_among(self, ids: Sequence[str]) -> Sequence[str]:
        """Returns those of the ids whose grading is finished."""
        query = sa.select(Grading.id).where(Grading.id.in_(ids), Grading.state.not_in([State.QUEUED, State.RUNNING]))
        return self._session.scalars(query).all()

    def counts_by_state(self) -> Mapping[str, int]:
        """Returns the number of gradings in each state; a state without any is missing."""
        rows = self._session.execute(sa.select(Grading.state, sa.func.count()).group_by(Grading.state))
        return {str(state): int(count) for state, count in rows}

    def oldest_open(self) -> datetime | None:
        """Returns when the oldest open grading was submitted, without those of cohorts that do not run."""
        may_wait = sa.select(Cohort.id).where(Cohort.state != CohortState.RUNNING)
        return self._session.scalar(
            sa.select(sa.func.min(Grading.created_at)).where(
                Grading.state.in_([State.QUEUED, State.RUNNING]),
                sa.or_(Grading.cohort_id.is_(None), Grading.cohort_id.not_in(may_wait)),
            )
        )

    def is_progressing(self, *, now: datetime, since: datetime) -> bool:
        """Returns whether a worker works on a grading, or has finished one since then.

        A lease on a grading that waited for the judge does not count: while the judge is away, workers try those again
        and again.
        """
        is_first_try = sa.or_(Grading.reason.is_(None), Grading.reason == "worker_lost")
        is_worked_on = sa.and_(Grading.state == State.RUNNING, Grading.lease_until > now, is_first_try)
        is_finished = sa.and_(
            Grading.state.in_([State.GRADED, State.NEEDS_REVIEW, State.FAILED]), Grading.updated_at >= since
        )
        progress = sa.select(Grading.id).where(sa.or_(is_worked_on, is_finished)).limit(1)
        return self._session.scalar(progress) is not None

    def _first_of(self, waiting: sa.Select[Grading]) -> Grading | None:
        document = joinedload(Grading.rubric_version).undefer(RubricVersion.document)
        return self._session.scalars(waiting.options(document).limit(1)).unique().first()

    def _waiting_cohorts(self) -> Sequence[str | None]:
        """Returns the cohorts that run, and None for what is in no cohort, in the order in which to look into them."""
        in_work = sa.select(Grading.cohort_id, sa.func.count()).where(Grading.state == State.RUNNING)
        counts = {row[0]: int(row[1]) for row in self._session.execute(in_work.group_by(Grading.cohort_id))}
        running = sa.select(Cohort.id).where(Cohort.state == CohortState.RUNNING)
        cohorts: list[str | None] = [None, *self._session.scalars(running)]
        return sorted(cohorts, key=lambda cohort_id: (counts.get(cohort_id, 0), random.random()))

    def _select_waiting(self, now: datetime) -> sa.Select[Grading]:
        return (
            sa.select(Grading)
            .where(
                Grading.state == State.QUEUED,
                sa.or_(Grading.not_before.is_(None), Grading.not_before <= now),
            )
            # The id makes the order total, the same for every worker.
            .order_by(Grading.priority.desc(), Grading.created_at, Grading.id)
            .with_for_update(of=Grading, skip_locked=True)
        )


class RubricVersionRepository:
    """Rubric versions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_content(self, content_hash: str, *, organisation_id: str) -> RubricVersion | None:
        """Returns the version with this content hash."""
        return self._session.scalar(
            sa.select(RubricVersion).where(
                RubricVersion.organisation_id == organisation_id,
                RubricVersion.content_hash == content_hash,
            )
        )

    def of_question(self, question_id: str, language: str, *, organisation_id: str) -> Sequence[RubricVersion]:
        """Returns the versions of a question's rubric in a language, with their documents, the oldest first."""
        query = (
            sa.select(RubricVersion)
            .where(
                RubricVersion.organisation_id == organisation_id,
                RubricVersion.question_id == question_id,
                RubricVersion.language == language,
            )
            .options(undefer(RubricVersion.document))
            .order_by(RubricVersion.created_at, RubricVersion.id)
        )
        return self._session.scalars(query).all()


class ReportRepository:
    """Reports."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def in_order(self, organisation_id: str) -> Generator[tuple[str, float | None, dict[str, Any]]]:
        """Streams grading id, score and document of every report, by id. Close it when you leave early."""
        query = (
            sa.select(Report.grading_id, Report.score, Report.document)
            .where(Report.organisation_id == organisation_id)
            .order_by(Report.grading_id)
            .execution_options(yield_per=_ROWS_AT_ONCE)
        )
        with closing(self._session.execute(query)) as rows:
            for row in rows:
                yield row.grading_id, row.score, row.document

    def by_gradings(self, grading_ids: Sequence[str]) -> Sequence[Report]:
        """Returns the reports of these gradings, in any order."""
        return self._session.scalars(sa.select(Report).where(Report.grading_id.in_(grading_ids))).all()


class OutboxRepository:
    """Notifications that were not sent, or not heard, yet."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_unpublished(self, before: datetime, *, limit: int) -> Sequence[OutboxMessage]:
        """Returns messages written before a moment, the oldest first."""
        query = (
            sa.select(OutboxMessage)
            .where(OutboxMessage.created_at < before)
            .order_by(OutboxMessage.created_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return self._session.scalars(query).all()

    def mark_published(self, grading_ids: Sequence[str]) -> None:
        """Deletes the messages about these gradings."""
        self._session.execute(sa.delete(OutboxMessage).where(OutboxMessage.grading_id.in_(grading_ids)))
