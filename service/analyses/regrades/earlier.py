"""Reports that regrades replaced: kept as they were."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ...storage import clock
from ...storage.tables import Analysis, Grading, build_earlier_report


def keep_report(session: Session, regrade: Analysis, grading: Grading) -> None:
    """Keeps the report of a grading before a regrade replaces it."""
    session.add(build_earlier_report(grading, clock.now(), regrade_id=regrade.id))
