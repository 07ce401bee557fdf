"""The basis of a regrade: a hash of all that its differences were computed from, by which a stale one is refused."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ...cohorts.outcomes import newest_review
from ...storage.tables import CohortItem, Grading


def compute_basis(session: Session, cohort_id: str) -> str:
    """Returns the SHA-256 (64 hex digits) over items, gradings and people's decisions of a cohort.

    It changes with every answer, report, rubric version and review.
    """
    query = (
        sa.select(
            CohortItem.id,
            CohortItem.version,
            CohortItem.rubric_version_id,
            CohortItem.grading_id,
            Grading.state,
            Grading.updated_at,
            newest_review().label("review_id"),
        )
        .outerjoin(Grading, Grading.id == CohortItem.grading_id)
        .where(CohortItem.cohort_id == cohort_id)
        .order_by(CohortItem.id)
        .execution_options(yield_per=1000)
    )
    digest = hashlib.sha256()
    for row in session.execute(query):
        digest.update(repr(tuple(map(str, row))).encode())
    return digest.hexdigest()
