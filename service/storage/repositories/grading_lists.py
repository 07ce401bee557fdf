"""The queries behind lists of gradings, named for what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, lazyload

from ..tables import Grading, Report, Review, RubricVersion, State, Submission
from .keyset import comes_after, comes_before

After = tuple[datetime, str]
"""The time and id of the last grading of a page."""


@dataclass(frozen=True)
class GradingFilter:
    """Which gradings a list shows; None leaves a field open. Times are bounds: from `after` on, and before `before`.

    Scores (0 to 10, both ends included) are the machine's.
    """

    states: Sequence[State] = ()
    question_id: str | None = None
    language: str | None = None
    candidate: str | None = None
    cohort_id: str | None = None
    needs_review: bool | None = None
    reviewed: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    score_min: float | None = None
    score_max: float | None = None


@dataclass(frozen=True)
class ReportFacts:
    """What lists show of a report without reading all of it."""

    score: float | None
    score_min: float | None
    score_max: float | None
    confidence: float | None
    flags: list[str]


class GradingListRepository:
    """Gradings in lists, with their submissions and rubric versions; reports are read apart, as they are large."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(self, wanted: GradingFilter, *, after: After | None, limit: int) -> Sequence[Grading]:
        """Returns gradings, the newest first."""
        order = (Grading.created_at, Grading.id)
        query = self._select(wanted)
        if after:
            query = query.where(comes_before(order, after))
        return self._session.scalars(query.order_by(*(column.desc() for column in order)).limit(limit)).all()

    def changed(self, wanted: GradingFilter, *, after: After | None, limit: int) -> Sequence[Grading]:
        """Returns gradings in the order of their last change, the oldest change first."""
        order = (Grading.updated_at, Grading.id)
        query = self._select(wanted)
        if after:
            query = query.where(comes_after(order, after))
        return self._session.scalars(query.order_by(*order).limit(limit)).all()

    def by_ids(self, ids: Sequence[str]) -> Mapping[str, Grading]:
        """Returns those of the gradings that exist, by id."""
        query = self._select(GradingFilter()).where(Grading.id.in_(ids))
        return {grading.id: grading for grading in self._session.scalars(query)}

    def facts(self, ids: Sequence[str]) -> Mapping[str, ReportFacts]:
        """Returns the facts of those of the gradings that have a report, by id."""
        shares = [Report.document[name].as_float() for name in ("score_min", "score_max", "confidence")]
        query = sa.select(Report.grading_id, Report.score, *shares, Report.document["flags"])
        rows = self._session.execute(query.where(Report.grading_id.in_(ids)))
        return {
            grading_id: ReportFacts(score, low, high, confidence, flags or [])
            for grading_id, score, low, high, confidence, flags in rows
        }

    def documents(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Returns the reports of the gradings, by id."""
        rows = self._session.execute(sa.select(Report.grading_id, Report.document).where(Report.grading_id.in_(ids)))
        return {row.grading_id: row.document for row in rows}

    def of_submission(self, submission_id: str) -> Sequence[str]:
        """Returns the ids of the gradings of a submission, the oldest first."""
        query = sa.select(Grading.id).where(Grading.submission_id == submission_id)
        return self._session.scalars(query.order_by(Grading.created_at, Grading.id)).all()

    def _select(self, wanted: GradingFilter) -> sa.Select[Grading]:
        options = (joinedload(Grading.submission).defer(Submission.answer), lazyload(Grading.report))
        return sa.select(Grading).where(*_list_conditions(wanted)).options(*options)


def _list_conditions(wanted: GradingFilter) -> list[sa.ColumnElement[bool]]:
    bounds: list[tuple[Any, Any]] = [
        (wanted.created_after, Grading.created_at.__ge__),
        (wanted.created_before, Grading.created_at.__lt__),
        (wanted.updated_after, Grading.updated_at.__ge__),
        (wanted.updated_before, Grading.updated_at.__lt__),
        (wanted.cohort_id, Grading.cohort_id.__eq__),
    ]
    found = [compare(value) for value, compare in bounds if value is not None]
    if wanted.states:
        found.append(Grading.state.in_(wanted.states) if len(wanted.states) > 1 else Grading.state == wanted.states[0])
    if wanted.needs_review is not None:
        is_waiting = Grading.state == State.NEEDS_REVIEW
        found.append(is_waiting if wanted.needs_review else ~is_waiting)
    if wanted.candidate is not None:
        submissions = sa.select(Submission.id).where(Submission.candidate == wanted.candidate)
        found.append(Grading.submission_id.in_(submissions))
    if wanted.question_id or wanted.language:
        found.append(Grading.rubric_version_id.in_(_select_versions(wanted)))
    if wanted.reviewed is not None:
        has_review = sa.exists().where(Review.grading_id == Grading.id)
        found.append(has_review if wanted.reviewed else ~has_review)
    if wanted.score_min is not None or wanted.score_max is not None:
        low, high = wanted.score_min or 0.0, 10.0 if wanted.score_max is None else wanted.score_max
        found.append(sa.exists().where(Report.grading_id == Grading.id, Report.score.between(low, high)))
    return found


def _select_versions(wanted: GradingFilter) -> sa.Select[str]:
    query = sa.select(RubricVersion.id)
    if wanted.question_id:
        query = query.where(RubricVersion.question_id == wanted.question_id)
    return query.where(RubricVersion.language == wanted.language) if wanted.language else query
