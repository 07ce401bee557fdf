"""Reads the answers of a cohort's candidates: the figures of their reports, never whole reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders.flags import is_open

from ..cohorts.outcomes import OUTCOME, Outcome, newest_review
from ..storage.tables import CohortItem, Grading, Report, Review
from .totals import Answer

_ROWS_AT_ONCE = 1000


def read_answers(
    session: Session, cohort_id: str, *, candidate: str | None = None
) -> Iterator[tuple[str, list[Answer]]]:
    """Streams each candidate of a cohort, or one of them, with all answers, by candidate and question."""
    name: str | None = None
    answers: list[Answer] = []
    with closing(session.execute(_select_answers(cohort_id, candidate))) as rows:
        for row in rows:
            if name is not None and row.candidate != name:
                yield name, answers
                answers = []
            name = row.candidate
            answers.append(_read_answer(row))
    if name is not None:
        yield name, answers


def list_questions(session: Session, cohort_id: str) -> list[str]:
    """Returns the ids of the questions of a cohort, in order."""
    query = sa.select(CohortItem.question_id).where(CohortItem.cohort_id == cohort_id).distinct()
    return sorted(session.scalars(query))


def count_anonymous(session: Session, cohort_id: str) -> int:
    """Returns the number of items without a candidate."""
    query = sa.select(sa.func.count(CohortItem.id)).where(
        CohortItem.cohort_id == cohort_id, CohortItem.candidate.is_(None)
    )
    return session.scalar(query) or 0


def _select_answers(cohort_id: str, candidate: str | None) -> sa.Select[Any]:
    document = Report.document
    query = (
        sa.select(
            CohortItem.candidate,
            CohortItem.id,
            CohortItem.external_id,
            CohortItem.question_id,
            CohortItem.grading_id,
            OUTCOME.label("outcome"),
            Report.score,
            document["score_min"].as_float().label("score_min"),
            document["score_max"].as_float().label("score_max"),
            document["coverage"].as_float().label("coverage"),
            document["flags"].as_json().label("flags"),
            Review.score.label("human_score"),
        )
        .outerjoin(Grading, Grading.id == CohortItem.grading_id)
        .outerjoin(Report, Report.grading_id == CohortItem.grading_id)
        .outerjoin(Review, Review.id == newest_review())
        .where(CohortItem.cohort_id == cohort_id, CohortItem.candidate.is_not(None))
        .order_by(CohortItem.candidate, CohortItem.question_id, CohortItem.external_id)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    return query if candidate is None else query.where(CohortItem.candidate == candidate)


def _read_answer(row: sa.Row[Any]) -> Answer:
    flags = json.loads(row.flags) if isinstance(row.flags, str) else row.flags or []
    return Answer(
        item_id=row.id,
        external_id=row.external_id,
        question_id=row.question_id,
        grading_id=row.grading_id,
        outcome=Outcome(row.outcome),
        score=row.score,
        score_min=row.score_min,
        score_max=row.score_max,
        is_open=row.score is not None and is_open(score=row.score, coverage=row.coverage or 0.0, flags=flags),
        human_score=row.human_score,
    )
