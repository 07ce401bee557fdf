"""The queries on exports and on what they hold, named for what they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from ..tables import (
    CohortItem,
    Event,
    Export,
    ExportChunk,
    GradeEdit,
    Grading,
    Report,
    Review,
    RubricVersion,
    Submission,
)

_KEYS_AT_ONCE = 500


class ExportRepository:
    """Exports, and the pieces of their files."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(
        self, now: datetime, *, after: tuple[datetime, str] | None, cohort_id: str | None, limit: int
    ) -> Sequence[Export]:
        """Returns exports that have not expired, the newest first, after the one with these sort values."""
        query = sa.select(Export).where(sa.or_(Export.expires_at.is_(None), Export.expires_at > now))
        if cohort_id is not None:
            query = query.where(Export.cohort_id == cohort_id)
        if after is not None:
            moment, export_id = after
            is_older = sa.or_(Export.created_at < moment, sa.and_(Export.created_at == moment, Export.id < export_id))
            query = query.where(is_older)
        return self._session.scalars(query.order_by(Export.created_at.desc(), Export.id.desc()).limit(limit)).all()

    def last_change(self, organisation_id: str) -> datetime | None:
        """Returns when results changed last, as the event log says; exports change none."""
        query = sa.select(sa.func.max(Event.at)).where(
            Event.organisation_id == organisation_id, Event.kind.not_like("export.%")
        )
        return self._session.scalar(query)

    def chunk(self, export_id: str, number: int) -> bytes | None:
        """Returns a piece of a file by its number."""
        return self._session.scalar(
            sa.select(ExportChunk.data).where(ExportChunk.export_id == export_id, ExportChunk.number == number)
        )

    def delete_chunks(self, export_id: str) -> None:
        """Deletes the pieces of a file."""
        self._session.execute(sa.delete(ExportChunk).where(ExportChunk.export_id == export_id))

    def delete(self, export_ids: Sequence[str]) -> None:
        """Deletes exports with their files and the edits that came back with them."""
        for kind in (ExportChunk, GradeEdit):
            self._session.execute(sa.delete(kind).where(kind.export_id.in_(export_ids)))
        self._session.execute(sa.delete(Export).where(Export.id.in_(export_ids)))

    def find_expired(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Returns the ids of exports whose time is up, of all organisations."""
        return self._session.scalars(sa.select(Export.id).where(Export.expires_at <= now).limit(limit)).all()


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """What orders answers: `id` is that of the item of a cohort, or of the grading.

    Exports hold one for each answer, so it is small: equal ids of questions and versions are one object.
    """

    id: str
    candidate: str | None
    question_id: str
    external_id: str | None
    rubric_version_id: str


class AnswerRepository:
    """Answers with their gradings, reports and newest reviews: the items of a cohort, or gradings of any kind."""

    def __init__(self, session: Session, *, cohort_id: str | None, outcome: sa.Case[Any]) -> None:
        self._session = session
        self._cohort_id = cohort_id
        self._outcome = outcome
        self._id: InstrumentedAttribute[str] = CohortItem.id if cohort_id else Grading.id

    def keys(self, conditions: Mapping[str, Any], *, with_candidates: bool) -> Sequence[AnswerKey]:
        """Returns all answers that meet the conditions, in order: items by their rows, gradings by their age.

        Without candidates, these and the external ids are None.
        """
        columns: tuple[Any, ...] = (
            *(self._id, Submission.candidate, RubricVersion.question_id, CohortItem.external_id, RubricVersion.id),
        )
        query = self._join(sa.select(*columns)).where(*self._filter(conditions))
        order = (CohortItem.row, CohortItem.external_id) if self._cohort_id else (Grading.created_at, Grading.id)
        names: dict[str, str] = {}
        keys: list[AnswerKey] = []
        with closing(self._session.execute(query.order_by(*order).execution_options(yield_per=_KEYS_AT_ONCE))) as rows:
            for answer_id, candidate, question_id, external_id, version_id in rows:
                # A grading that two items share is one answer; they come one after the other.
                if keys and keys[-1].id == answer_id:
                    continue
                ids = (names.setdefault(question_id, question_id), names.setdefault(version_id, version_id))
                shown = (candidate, external_id) if with_candidates else (None, None)
                keys.append(AnswerKey(answer_id, shown[0], ids[0], shown[1], ids[1]))
        return keys

    def fetch(self, ids: Sequence[str]) -> Mapping[str, sa.Row[Any]]:
        """Returns the answers with these ids, at most 500, by their ids; `document` is JSON text."""
        # An alias, as the query around it joins reviews too.
        any_review = aliased(Review)
        newest = (
            sa.select(any_review.id)
            .where(any_review.grading_id == Grading.id)
            .order_by(any_review.created_at.desc(), any_review.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        columns = (
            *(self._id.label("id"), CohortItem.external_id, CohortItem.row, CohortItem.version, Submission.candidate),
            *(Submission.answer, RubricVersion.question_id, RubricVersion.language, RubricVersion.content_hash),
            *(RubricVersion.id.label("rubric_version_id"), self._outcome.label("outcome")),
            *(Grading.id.label("grading_id"), Grading.state, Grading.reason, Grading.detail, Grading.attempt),
            *(
                Grading.cohort_id,
                Grading.rubric_source,
                Grading.caller_metadata,
                Grading.created_at,
                Grading.updated_at,
            ),
            *(Submission.created_at.label("submitted_at"), Report.created_at.label("graded_at")),
            # As text: whoever needs the document knows a faster way to parse it.
            sa.cast(Report.document, sa.Text).label("document"),
            *(Review.id.label("review_id"), Review.score.label("human_score"), Review.levels, Review.comment),
            *(Review.reviewer, Review.source, Review.created_at.label("human_at")),
        )
        query = self._join(sa.select(*columns)).outerjoin(Report, Report.grading_id == Grading.id)
        query = query.outerjoin(Review, Review.id == newest).where(self._id.in_(ids))
        return {row.id: row for row in self._session.execute(query)}

    def rubric_documents(self, version_ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        """Returns the rubrics with these ids of versions."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(version_ids), _KEYS_AT_ONCE):
            some = version_ids[start : start + _KEYS_AT_ONCE]
            query = sa.select(RubricVersion.id, RubricVersion.document).where(RubricVersion.id.in_(some))
            found |= {row.id: row.document for row in self._session.execute(query)}
        return found

    def _join(self, query: sa.Select[Any]) -> sa.Select[Any]:
        if self._cohort_id:
            return (
                query.select_from(CohortItem)
                .join(Submission, Submission.id == CohortItem.submission_id)
                .join(RubricVersion, RubricVersion.id == CohortItem.rubric_version_id)
                .outerjoin(Grading, Grading.id == CohortItem.grading_id)
                .where(CohortItem.cohort_id == self._cohort_id)
            )
        return (
            query.select_from(Grading)
            .join(Submission, Submission.id == Grading.submission_id)
            .join(RubricVersion, RubricVersion.id == Grading.rubric_version_id)
            .outerjoin(CohortItem, CohortItem.grading_id == Grading.id)
        )

    def _filter(self, conditions: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
        clauses: dict[str, Callable[[Any], sa.ColumnElement[bool]]] = {
            "states": lambda value: self._outcome.in_(value),
            "question_ids": RubricVersion.question_id.in_,
            "candidates": Submission.candidate.in_,
            "created_after": lambda value: Submission.created_at >= value,
            "created_before": lambda value: Submission.created_at < value,
        }
        return [clauses[name](value) for name, value in conditions.items() if value is not None]
