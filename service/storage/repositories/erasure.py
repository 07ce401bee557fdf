"""The queries and deletions by which answers are erased."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ..tables import (
    Analysis,
    CohortFile,
    CohortItem,
    CohortResult,
    EarlierReport,
    Export,
    Grading,
    IdempotencyKey,
    JudgeCall,
    OutboxMessage,
    Report,
    Review,
    State,
    Submission,
)
from .exports import ExportRepository


class ErasureRepository:
    """What hangs on answers. The caller deletes in the order in which rows refer to one another."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def submissions_of(self, candidate: str, *, organisation_id: str) -> Sequence[str]:
        """Returns the submissions of a candidate."""
        query = sa.select(Submission.id).where(
            Submission.organisation_id == organisation_id, Submission.candidate == candidate
        )
        return self._session.scalars(query).all()

    def submissions_before(self, moment: datetime, *, limit: int) -> tuple[str, Sequence[str]] | None:
        """Returns an organisation and its oldest submissions of before a moment; None if no organisation has any.

        Submissions with an open grading are left out.
        """
        is_open = sa.exists().where(
            Grading.submission_id == Submission.id, Grading.state.in_([State.QUEUED, State.RUNNING])
        )
        query = sa.select(Submission.organisation_id, Submission.id).where(Submission.created_at < moment, ~is_open)
        found = self._session.execute(query.order_by(Submission.created_at).limit(limit)).all()
        if not found:
            return None
        organisation_id = found[0].organisation_id
        return organisation_id, [row.id for row in found if row.organisation_id == organisation_id]

    def earlier_versions(self, submission_ids: Sequence[str]) -> Sequence[str]:
        """Returns the submissions that these replaced in a cohort."""
        query = sa.select(CohortItem.earlier).where(CohortItem.submission_id.in_(submission_ids))
        return [old["submission_id"] for versions in self._session.scalars(query) for old in versions]

    def lock_gradings(self, submission_ids: Sequence[str]) -> Sequence[Grading]:
        """Returns the gradings of submissions, and locks them."""
        query = sa.select(Grading).where(Grading.submission_id.in_(submission_ids)).order_by(Grading.id)
        return self._session.scalars(query.with_for_update(of=Grading)).unique().all()

    def cohorts_of(self, submission_ids: Sequence[str]) -> set[str]:
        """Returns the cohorts that have these submissions."""
        query = sa.select(CohortItem.cohort_id).where(CohortItem.submission_id.in_(submission_ids))
        return set(self._session.scalars(query))

    def gradings_of_equal_answers(self, submission_ids: Sequence[str]) -> Sequence[str]:
        """Returns the gradings of other submissions of the same organisations whose answers are equal."""
        other, one = aliased(Submission), aliased(Submission)
        query = (
            sa.select(Grading.id)
            .join(other, Grading.submission_id == other.id)
            .join(one, sa.and_(one.organisation_id == other.organisation_id, one.answer_hash == other.answer_hash))
            .where(one.id.in_(submission_ids), other.id.not_in(submission_ids))
        )
        return self._session.scalars(query.distinct()).all()

    def report_documents(self, grading_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Returns the reports of gradings, also earlier ones."""
        for kind in (Report, EarlierReport):
            yield from self._session.scalars(sa.select(kind.document).where(kind.grading_id.in_(grading_ids)))

    def delete_calls(self, keys: Sequence[str], *, organisation_id: str) -> int:
        """Deletes recorded calls of the judge."""
        return self._delete(JudgeCall, JudgeCall.organisation_id == organisation_id, JudgeCall.key.in_(keys))

    def delete_reviews(self, grading_ids: Sequence[str]) -> int:
        """Deletes what people decided about gradings."""
        return self._delete(Review, Review.grading_id.in_(grading_ids))

    def delete_reports(self, grading_ids: Sequence[str]) -> int:
        """Deletes the reports of gradings, also earlier ones."""
        return sum(self._delete(kind, kind.grading_id.in_(grading_ids)) for kind in (Report, EarlierReport))

    def delete_items(self, submission_ids: Sequence[str], cohort_ids: Sequence[str]) -> int:
        """Deletes the items of cohorts with these submissions, and forgets them as earlier versions of others."""
        wanted = set(submission_ids)
        query = sa.select(CohortItem).where(
            CohortItem.cohort_id.in_(cohort_ids),
            CohortItem.submission_id.not_in(submission_ids),
            CohortItem.version > 1,
        )
        for item in self._session.scalars(query):
            item.earlier = [old for old in item.earlier if old["submission_id"] not in wanted]
        self._session.flush()
        return self._delete(CohortItem, CohortItem.submission_id.in_(submission_ids))

    def delete_submissions(
        self, submission_ids: Sequence[str], grading_ids: Sequence[str], *, organisation_id: str
    ) -> int:
        """Deletes submissions with their gradings, and the replies that were kept for repeated requests."""
        self._delete(OutboxMessage, OutboxMessage.grading_id.in_(grading_ids))
        self._delete(CohortResult, CohortResult.grading_id.in_(grading_ids))
        replied = IdempotencyKey.reply["id"].as_string().in_(grading_ids)
        self._delete(
            IdempotencyKey,
            IdempotencyKey.organisation_id == organisation_id,
            sa.or_(IdempotencyKey.grading_id.in_(grading_ids), replied),
        )
        self._delete(Grading, Grading.id.in_(grading_ids))
        return self._delete(Submission, Submission.id.in_(submission_ids))

    def exports_with(self, cohort_ids: Sequence[str], *, organisation_id: str) -> Sequence[str]:
        """Returns the exports of cohorts, and those of the organisation that are not of one cohort."""
        is_affected = sa.or_(Export.cohort_id.in_(cohort_ids), Export.cohort_id.is_(None))
        return self._session.scalars(
            sa.select(Export.id).where(Export.organisation_id == organisation_id, is_affected)
        ).all()

    def delete_copies(self, cohort_ids: Sequence[str], export_ids: Sequence[str]) -> tuple[int, int]:
        """Deletes exports, and the uploaded files and analyses of cohorts; returns the numbers of these two."""
        ExportRepository(self._session).delete(export_ids)
        files, analyses = (self._delete(kind, kind.cohort_id.in_(cohort_ids)) for kind in (CohortFile, Analysis))
        return files, analyses

    def _delete(self, kind: Any, *conditions: sa.ColumnElement[bool]) -> int:
        statement = sa.delete(kind).where(*conditions).execution_options(synchronize_session=False)
        return int(self._session.execute(statement).rowcount)  # type: ignore[attr-defined]
