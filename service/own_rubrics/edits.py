"""What happens to grades when their rubric is edited.

`rubrics.compare` tells three kinds of edits apart. A grade moves to the new version as it is, is recomputed from the
signals on record, or is flagged `rubric_changed`, and then graded again if the caller wants that.
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

from .. import audit
from ..audit import Kind
from ..errors import DraftRubric
from ..gradings import lifecycle, submission
from ..storage import clock
from ..storage.repositories import GradingRepository, RubricVersionRepository
from ..storage.tables import DEFAULT_ORGANISATION, Grading, RubricVersion, State


@dataclass(frozen=True)
class Revision:
    """The difference between an older version and the new one, and the number of gradings that went each way."""

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
    """Updates finished gradings by other versions of a rubric to this version. Repeating it changes nothing.

    `replacing` has the content hashes of the versions to replace, by default all of the same question and language.
    With `regrade`, stale gradings are requeued under the new version instead of flagged. `coefficients` combine the
    signals, by default those that ship with vivavoce. Open gradings keep the version of their submission. Returns the
    revisions that changed a grading. Raises DraftRubric if the rubric is a draft.
    """
    if rubric.status == "draft":
        raise DraftRubric(f"The rubric of '{rubric.question.id}' is a draft: freeze it first.")
    versions = RubricVersionRepository(session).of_question(
        rubric.question.id, rubric.question.language, organisation_id=organisation_id
    )
    # The version itself too: an undone edit may have flagged it.
    new_hash = content_hash(rubric)
    revisions = [
        _apply_to_version(session, version, rubric, regrade=regrade, coefficients=coefficients)
        for version in versions
        if version.content_hash == new_hash or replacing is None or version.content_hash in replacing
    ]
    return [revision for revision in revisions if revision.recomputed or revision.stale or revision.regraded]


def _apply_to_version(
    session: Session, version: RubricVersion, rubric: Rubric, *, regrade: bool, coefficients: Coefficients | None
) -> Revision:
    edit = compare(Rubric.model_validate(version.document), rubric)
    is_same = version.content_hash == content_hash(rubric)
    recomputed = stale = regraded = 0
    target: RubricVersion | None = None
    moment = clock.now()
    for grading in GradingRepository(session).finished_by(version.id):
        assert grading.report
        if is_same and Flag.RUBRIC_CHANGED not in grading.report.document["flags"]:
            continue
        report = _recompute_report(grading.report.document, rubric, edit, coefficients)
        if report is None and not regrade:
            stale += _mark_stale(session, grading, moment)
            continue
        # Stored only once a grading moves to it.
        target = target or submission.rubric_version(session, rubric, organisation_id=version.organisation_id)
        grading.rubric_version = target
        if report is None:
            lifecycle.regrade(session, grading)
            regraded += 1
        else:
            recomputed += _replace_report(session, grading, report, moment)
    revision = Revision(
        question=rubric.question.id,
        language=rubric.question.language,
        old_hash=version.content_hash,
        edit=edit,
        recomputed=recomputed,
        stale=stale,
        regraded=regraded,
    )
    if recomputed or stale or regraded:
        _audit_revision(session, revision, rubric, organisation_id=version.organisation_id)
    session.flush()
    return revision


def _recompute_report(
    document: Mapping[str, Any], rubric: Rubric, edit: Edit, coefficients: Coefficients | None
) -> GradersReport | None:
    try:
        return recompute(read_report(document), rubric, edit, coefficients=coefficients)
    except ValidationError:
        # An older form of report lacks the signals to recompute from.
        return None


def _mark_stale(session: Session, grading: Grading, moment: datetime) -> bool:
    """Flags a grading that cannot be recomputed; returns False if it already has the flag."""
    assert grading.report
    document = grading.report.document
    if Flag.RUBRIC_CHANGED in document["flags"]:
        return False
    # A new object: SQLAlchemy does not see changes inside a JSON document.
    grading.report.document = {
        **document,
        "flags": [*document["flags"], Flag.RUBRIC_CHANGED.value],
        "needs_review": True,
    }
    if grading.state == State.GRADED:
        grading.state = State.NEEDS_REVIEW
    grading.updated_at = moment
    _audit_report(session, grading)
    return True


def _replace_report(session: Session, grading: Grading, report: GradersReport, moment: datetime) -> bool:
    """Replaces the report of a grading by a recomputed one; returns False if the two are equal."""
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
    _audit_report(session, grading)
    return True


def _audit_report(session: Session, grading: Grading) -> None:
    assert grading.report
    audit.append_event(
        session,
        kind=Kind.REPORT_WRITTEN,
        subject=grading.id,
        details=audit.report_details(grading.report.document, state=State(grading.state).value),
        organisation_id=grading.organisation_id,
    )


def _audit_revision(session: Session, revision: Revision, rubric: Rubric, *, organisation_id: str) -> None:
    audit.append_event(
        session,
        kind=Kind.RUBRIC_EDITED,
        subject=revision.question,
        details={
            "language": revision.language,
            "old_hash": revision.old_hash,
            "new_hash": content_hash(rubric),
            "recomputed": revision.recomputed,
            "stale": revision.stale,
            "regraded": revision.regraded,
        },
        organisation_id=organisation_id,
    )
