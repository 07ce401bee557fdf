"""Repositories of judges: their recorded calls, and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ..tables import JudgeCall, JudgeVersion, Report, Review


class JudgeCallRepository:
    """Recorded calls of the judge."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_keys(self, keys: Sequence[str], *, organisation_id: str) -> Sequence[JudgeCall]:
        """Returns the recorded calls among the keys, in any order."""
        return self._session.scalars(
            sa.select(JudgeCall).where(JudgeCall.organisation_id == organisation_id, JudgeCall.key.in_(keys))
        ).all()


class JudgeVersionRepository:
    """Judges with the figures of a qualification run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest_first(self, organisation_id: str) -> Sequence[JudgeVersion]:
        """Returns all versions of an organisation, the newest first."""
        query = sa.select(JudgeVersion).where(JudgeVersion.organisation_id == organisation_id)
        return self._session.scalars(query.order_by(JudgeVersion.registered_at.desc(), JudgeVersion.id)).all()

    def find_active(self, organisation_id: str) -> JudgeVersion | None:
        """Returns the active version and locks it until the end of the transaction."""
        query = sa.select(JudgeVersion).where(
            JudgeVersion.organisation_id == organisation_id,
            JudgeVersion.promoted_at.is_not(None),
            JudgeVersion.retired_at.is_(None),
        )
        return self._session.scalar(query.with_for_update())

    def promoted_before(self, version: JudgeVersion) -> JudgeVersion | None:
        """Returns the version that was promoted last before another."""
        query = sa.select(JudgeVersion).where(
            JudgeVersion.organisation_id == version.organisation_id, JudgeVersion.promoted_at < version.promoted_at
        )
        return self._session.scalar(query.order_by(JudgeVersion.promoted_at.desc()).limit(1))

    def agreement_with_reviews(self, limit: int = 1000) -> Sequence[tuple[Any, ...]]:
        """Returns the agreement of each judge with people over the newest reviews that have a score.

        A row has engine, model, revision, hash of the prompts, number of gradings, mean absolute difference, mean
        difference (machine minus person) and share (0 to 1) of differences of at most 1.5, in points of 10. Of several
        reviews of a grading the newest counts.
        """
        later = aliased(Review)
        is_newest = ~sa.exists().where(
            later.grading_id == Review.grading_id,
            sa.tuple_(later.created_at, later.id) > sa.tuple_(Review.created_at, Review.id),
        )
        source = Report.document["provenance"]
        names = [source[name].as_string() for name in ("engine", "model", "model_revision", "prompt_hash")]
        pairs = (
            sa.select(
                *(name.label(f"name_{number}") for number, name in enumerate(names)),
                (Report.score - Review.score).label("difference"),
            )
            .join(Review, Review.grading_id == Report.grading_id)
            .where(Review.score.is_not(None), Report.score.is_not(None), is_newest)
            .order_by(Review.created_at.desc())
            .limit(limit)
            .subquery()
        )
        judges = [pairs.c[f"name_{number}"] for number in range(len(names))]
        size = sa.func.abs(pairs.c.difference)
        # Scores have one decimal, which binary fractions blur.
        is_close = sa.case((size <= 1.5 + 1e-9, 1.0), else_=0.0)
        figures = (sa.func.count(), sa.func.avg(size), sa.func.avg(pairs.c.difference), sa.func.avg(is_close))
        rows = self._session.execute(sa.select(*judges, *figures).group_by(*judges))
        return [tuple(row) for row in rows]
