"""Reports that regrades replaced: kept as they were, and found again."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ...storage import clock
from ...storage.tables import Analysis, EarlierReport, Grading, State


def keep_report(session: Session, regrade: Analysis, grading: Grading) -> None:
    """Keeps the report of a grading before a regrade replaces it."""
    assert grading.report is not None
    session.add(
        EarlierReport(
            organisation_id=grading.organisation_id,
            grading_id=grading.id,
            rubric_version_id=grading.rubric_version_id,
            analysis_id=regrade.id,
            state=State(grading.state).value,
            score=grading.report.score,
            document=grading.report.document,
            reported_at=grading.report.created_at,
            replaced_at=clock.now(),
        )
    )


def list_earlier(session: Session, grading_id: str) -> Sequence[EarlierReport]:
    """Returns the reports of a grading that were replaced, the newest first."""
    query = (
        sa.select(EarlierReport)
        .where(EarlierReport.grading_id == grading_id)
        .order_by(EarlierReport.replaced_at.desc(), EarlierReport.id.desc())
    )
    return session.scalars(query).all()
