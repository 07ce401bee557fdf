"""What becomes of grades when the rubric they were given by is edited.

Three ways, told apart by `rubrics.compare`: the grade stays and moves to the new version; it is recomputed by
arithmetic; or it is flagged as stale, and graded again if the caller wants that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vivavoce.graders.recompute import mark_stale, read_report, recompute
from vivavoce.graders.types import Report as GradersReport
from vivavoce.rubrics import Edit, Rubric, compare, content_hash

from . import lifecycle
from .errors import DraftRubric
from .storage.repositories import GradingRepository, RubricVersionRepository
from .storage.tables import DEFAULT_ORGANISATION, Grading, RubricVersion


@dataclass(frozen=True)
class Revision:
    """What one older version of a rubric had: how it differs, and how many of its gradings went which way."""

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
    regrade: bool = False,
    organisation_id: str = DEFAULT_ORGANISATION,
) -> list[Revision]:
    """Bring the gradings that older versions of a rubric gave up to this one; doing it twice changes nothing more.

    With `regrade`, stale gradings are put back in line under the new version instead of being flagged. Open
    gradings are left alone: they finish by the version they were submitted with, and are seen next time. Raises
    DraftRubric.
    """
    if rubric.status == "draft":
        raise DraftRubric(f"The rubric of '{rubric.question.id}' is a draft: freeze it with 'viva rubric freeze'.")
    older = RubricVersionRepository(session).others(
        rubric.question.id, rubric.question.language, content_hash(rubric), organisation_id=organisation_id
    )
    found = [_apply(session, version, rubric, regrade=regrade) for version in older]
    return [revision for revision in found if revision.recomputed or revision.stale or revision.regraded]


def _apply(session: Session, version: RubricVersion, rubric: Rubric, *, regrade: bool) -> Revision:
    edit = compare(Rubric.model_validate(version.document), rubric)
    recomputed = stale = regraded = 0
    target: RubricVersion | None = None
    moment = lifecycle.now()
    for grading in GradingRepository(session).finished_by(version.id):
        assert grading.report
        report = read_report(grading.report.document)
        revised = recompute(report, rubric, edit)
        if revised is None and not regrade:
            stale += _keep(grading, mark_stale(report), moment)
            continue
        target = target or lifecycle.rubric_version(session, rubric, organisation_id=version.organisation_id)
        grading.rubric_version = target
        if revised is None:
            lifecycle.regrade(session, grading)
            regraded += 1
        else:
            recomputed += _keep(grading, revised, moment)
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


def _keep(grading: Grading, report: GradersReport, moment: datetime) -> bool:
    """Write a revised report over the one there is; whether anything changed."""
    assert grading.report
    document = report.to_dict()
    if document == grading.report.document:
        return False
    grading.report.document = document
    grading.report.score = report.score
    grading.state = lifecycle.state_of(report)
    grading.updated_at = moment
    return True
