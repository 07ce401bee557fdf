"""What becomes of grades when the rubric they were given by is edited.

Three ways, told apart by `rubrics.compare`: the grade stays and moves to the new version; it is recomputed by
arithmetic; or it is flagged as stale, and graded again if the caller wants that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from vivavoce.graders.report.recompute import recompute
from vivavoce.graders.report.stored import read_report
from vivavoce.graders.scoring.coefficients import Coefficients
from vivavoce.graders.types import Flag
from vivavoce.graders.types import Report as GradersReport
from vivavoce.rubrics import Edit, Rubric, compare, content_hash

from . import audit, lifecycle, submission
from .audit import Kind
from .errors import DraftRubric
from .storage import clock
from .storage.repositories import GradingRepository, RubricVersionRepository
from .storage.tables import DEFAULT_ORGANISATION, Grading, RubricVersion, State


@dataclass(frozen=True)
class Revision:
    """What one other version of a rubric had: how it differs, and how many of its gradings went which way."""

    question: str
    language: str
    old_hash: str
    edit: Edit
    recomputed: int
    stale: int
    regraded: int


def apply_edit(
    session: Session,
    rubric: Rubric,
    *,
    replacing: Collection[str] | None = None,
    regrade: bool = False,
    coefficients: Coefficients | None = None,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> list[Revision]:
    """Bring the gradings that other versions of a rubric gave up to this one; doing it twice changes nothing more.

    `replacing` are the content hashes of the versions that this one replaces; None stands for all with its question
    and language. With `regrade`, stale gradings are put back in line under the new version instead of being flagged.
    `coefficients` are those that weigh signals now, by default those that ship with vivavoce.
    Open gradings are left alone: they finish by the version they were submitted with, and are seen next time. Raises
    DraftRubric.
    """
    if rubric.status == "draft":
        raise DraftRubric(f"The rubric of '{rubric.question.id}' is a draft: freeze it with 'viva rubric freeze'.")
    versions = RubricVersionRepository(session).of_question(
        rubric.question.id, rubric.question.language, organisation_id=organisation_id
    )
    own = content_hash(rubric)
    found = [
        _apply(session, version, rubric, regrade=regrade, coefficients=coefficients)
        for version in versions
        if version.content_hash == own or replacing is None or version.content_hash in replacing
    ]
    return [revision for revision in found if revision.recomputed or revision.stale or revision.regraded]


def _apply(
    session: Session, version: RubricVersion, rubric: Rubric, *, regrade: bool, coefficients: Coefficients | None
) -> Revision:
    edit = compare(Rubric.model_validate(version.document), rubric)
    is_own = version.content_hash == content_hash(rubric)
    recomputed = stale = regraded = 0
    target: RubricVersion | None = None
    moment = clock.now()
    for grading in GradingRepository(session).finished_by(version.id):
        assert grading.report
        if is_own and Flag.RUBRIC_CHANGED not in grading.report.document["flags"]:
            continue
        revised = _revised(grading.report.document, rubric, edit, coefficients)
        if revised is None and not regrade:
            stale += _mark_stale(session, grading, moment)
            continue
        target = target or submission.rubric_version(session, rubric, organisation_id=version.organisation_id)
        grading.rubric_version = target
        if revised is None:
            lifecycle.regrade(session, grading)
            regraded += 1
        else:
            recomputed += _keep(session, grading, revised, moment)
    if recomputed or stale or regraded:
        audit.append(
            session,
            kind=Kind.RUBRIC_EDITED,
            subject=rubric.question.id,
            details={
                "language": rubric.question.language,
                "old_hash": version.content_hash,
                "new_hash": content_hash(rubric),
                "recomputed": recomputed,
                "stale": stale,
                "regraded": regraded,
            },
            organisation_id=version.organisation_id,
        )
    session.flush()
    return Revision(
        question=rubric.question.id,
        language=rubric.question.language,
        old_hash=version.content_hash,
        edit=edit,
        recomputed=recomputed,
        stale=stale,
        regraded=regraded,
    )


def _revised(
    document: Mapping[str, Any], rubric: Rubric, edit: Edit, coefficients: Coefficients | None
) -> GradersReport | None:
    try:
        return recompute(read_report(document), rubric, edit, coefficients=coefficients)
    except ValidationError:
        # A report from before this form of reports: nothing in it can be recomputed.
        return None


def _mark_stale(session: Session, grading: Grading, moment: datetime) -> bool:
    """Flag a grading that only a new judgement can bring up to its rubric; whether it was not flagged before."""
    assert grading.report
    document = grading.report.document
    if Flag.RUBRIC_CHANGED in document["flags"]:
        return False
    grading.report.document = {
        **document,
        "flags": [*document["flags"], Flag.RUBRIC_CHANGED.value],
        "needs_review": True,
    }
    if grading.state == State.GRADED:
        grading.state = State.NEEDS_REVIEW
    grading.updated_at = moment
    _tell(session, grading)
    return True


def _keep(session: Session, grading: Grading, report: GradersReport, moment: datetime) -> bool:
    """Write a revised report over the one there is; whether anything changed."""
    assert grading.report
    document = report.to_dict()
    if document == grading.report.document:
        return False
    grading.report.document = document
    grading.report.score = report.score
    grading.state = lifecycle.state_of(report)
    grading.reason = report.unscored_reason.value if report.unscored_reason else None
    grading.detail = report.unscored_detail
    grading.updated_at = moment
    _tell(session, grading)
    return True


def _tell(session: Session, grading: Grading) -> None:
    """Say in the audit trail that a report was written over."""
    assert grading.report
    audit.append(
        session,
        kind=Kind.REPORT_WRITTEN,
        subject=grading.id,
        details=audit.report_details(grading.report.document, state=State(grading.state).value),
        organisation_id=grading.organisation_id,
    )
