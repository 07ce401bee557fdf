"""Items of a cohort: answers that are added, or replaced under the same external id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders import answer_hash
from vivavoce.rubrics import Rubric, content_hash

from ..errors import WrongState
from ..storage import clock
from ..storage.tables import Cohort, CohortItem, CohortState, Submission
from ..submission import rubric_version


@dataclass(frozen=True)
class NewItem:
    """An answer for a cohort."""

    external_id: str
    answer: str
    rubric: Rubric
    rubric_source: Literal["bank", "own"]
    candidate: str | None = None
    row: int | None = None
    feedback_language: str | None = None
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Upserted:
    """How many items were created, changed and left as they were."""

    created: int
    changed: int
    unchanged: int


def check_takes_items(cohort: Cohort) -> None:
    """Raises WrongState unless the cohort is a draft."""
    if cohort.state != CohortState.DRAFT:
        raise WrongState(f"The cohort is {cohort.state}, and only a draft takes answers: reopen it first.")


def upsert_items(session: Session, cohort: Cohort, items: Sequence[NewItem]) -> Upserted:
    """Adds items and replaces those that changed; raises WrongState unless the cohort is a draft."""
    check_takes_items(cohort)
    moment = clock.now()
    query = sa.select(CohortItem).where(CohortItem.cohort_id == cohort.id)
    known = {item.external_id: item for item in session.scalars(query)}
    versions: dict[str, str] = {}
    counts = {"created": 0, "changed": 0, "unchanged": 0}
    for new in items:
        rubric_hash = content_hash(new.rubric)
        parts = [new.answer, rubric_hash, new.candidate, new.feedback_language]
        hashed = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        item = known.get(new.external_id)
        if item and item.content_hash == hashed:
            counts["unchanged"] += 1
            continue
        if rubric_hash not in versions:
            versions[rubric_hash] = rubric_version(session, new.rubric, organisation_id=cohort.organisation_id).id
            session.flush()
            versions[rubric_hash] = rubric_version(session, new.rubric, organisation_id=cohort.organisation_id).id
        submission = Submission(
            organisation_id=cohort.organisation_id,
            candidate=new.candidate,
            answer=new.answer,
            answer_hash=answer_hash(new.answer),
            feedback_language=new.feedback_language,
            created_at=moment,
        )
        session.add(submission)
        session.flush()
        counts["changed" if item else "created"] += 1
        if item is None:
            item = CohortItem(cohort_id=cohort.id, external_id=new.external_id, version=0, created_at=moment)
            session.add(item)
        item.version += 1
        item.row, item.candidate, item.question_id = new.row, new.candidate, new.rubric.question.id
        item.content_hash, item.submission_id = hashed, submission.id
        item.rubric_version_id, item.updated_at = versions[rubric_hash], moment
    session.flush()
    return Upserted(**counts)
