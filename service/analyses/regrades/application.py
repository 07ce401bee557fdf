"""Applies a regrade that was reviewed: reports are replaced in one transaction, and the earlier ones are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from vivavoce.graders.types import Report as GradersReport
from vivavoce.rubrics import Rubric

from ... import audit, jobs
from ...audit import Kind
from ...cohorts import lifecycle as cohort_lifecycle
from ...errors import StaleRegrade, WrongState
from ...events.log import EventKind
from ...gradings import lifecycle, submission
from ...storage import clock
from ...storage.tables import (
    Analysis,
    Cohort,
    CohortItem,
    CohortState,
    Grading,
    RubricVersion,
    State,
    build_earlier_report,
)
from .basis import compute_basis
from .changes import Change, Graders

_ROWS_AT_ONCE = 200
_OPEN_GRADINGS = (State.QUEUED, State.CANCELLED)


def check_at_rest(cohort: Cohort) -> None:
    """Raises WrongState while a cohort runs: its results change from second to second."""
    if cohort.state == CohortState.RUNNING:
        raise WrongState("The cohort is running: pause it, or wait until it has ended, then make the regrade.")


def request_application(session: Session, regrade: Analysis, *, grade_again: bool, actor: str) -> None:
    """Enqueues the application of a regrade; one that is being applied, or was, is left unchanged.

    Raises WrongState if it is not finished, or needs the judge and `grade_again` is false; StaleRegrade if something
    that it was computed from has changed.
    """
    if regrade.state in ("applying", "applied"):
        return
    if regrade.state != "finished" or regrade.result is None:
        raise WrongState(
            f"The regrade is {regrade.state}: only a finished one can be applied; read it, or make another."
        )
    check_basis(session, regrade)
    waiting = regrade.result["counts"]["needs_judge"]
    if waiting and not grade_again:
        raise WrongState(
            f"{waiting} answers need the judge again, about {regrade.result['estimated_calls']} calls: send "
            '"grade_again": true to queue them, or make a regrade without what they need.'
        )
    regrade.state = "applying"
    # A new object: SQLAlchemy does not see changes inside a JSON document.
    regrade.options = {**regrade.options, "actor": actor}
    jobs.enqueue(session, "regrade_apply", subject_id=regrade.id, organisation_id=regrade.organisation_id)


def check_basis(session: Session, regrade: Analysis) -> None:
    """Raises StaleRegrade if the cohort is not as the regrade saw it."""
    if regrade.result is None or compute_basis(session, regrade.cohort_id) != regrade.result["basis"]:
        raise StaleRegrade("An answer, grade or review of the cohort has changed since this regrade: make another one.")


def apply_regrade(session: Session, regrade: Analysis, graders: Graders) -> None:
    """Replaces the reports of a regrade that is `applying`. Gradings with a decision of a person stay as they are.

    Answers that need the judge are queued, and the cohort is paused, so that its resumption spends what its owner
    allows. Raises StaleRegrade as `check_basis` does.
    """
    assert regrade.result is not None
    cohort = session.get_one(Cohort, regrade.cohort_id, with_for_update=True)
    check_basis(session, regrade)
    change = Change.read(regrade.options)
    effects = {item["item_id"]: item["effect"] for item in regrade.result["items"]}
    versions = {
        key: submission.rubric_version(session, rubric, organisation_id=regrade.organisation_id)
        for key, rubric in change.rubrics.items()
    }
    ids = sorted(effects)
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        _replace_reports(session, regrade, ids[start : start + _ROWS_AT_ONCE], effects, change, graders)
        session.flush()
    _move_ungraded(session, cohort.id, versions)
    if any(effect == "needs_judge" for effect in effects.values()):
        cohort_lifecycle.return_to_pause(session, cohort, actor=regrade.options["actor"])
    regrade.state = "applied"
    regrade.applied_at = clock.now()
    audit.append_event(
        session,
        kind=Kind.REGRADE_APPLIED,
        subject=regrade.id,
        details={"cohort_id": cohort.id, **regrade.result["counts"]},
        actor=regrade.options["actor"],
        organisation_id=regrade.organisation_id,
    )


def _replace_reports(
    session: Session,
    regrade: Analysis,
    item_ids: Sequence[str],
    effects: Mapping[str, str],
    change: Change,
    graders: Graders,
) -> None:
    query = (
        sa.select(CohortItem, Grading)
        .join(Grading, Grading.id == CohortItem.grading_id)
        .options(joinedload(Grading.rubric_version).undefer(RubricVersion.document))
        .where(CohortItem.id.in_(item_ids))
        .with_for_update(of=Grading)
    )
    for item, grading in session.execute(query).unique().all():
        old = Rubric.model_validate(grading.rubric_version.document)
        assert grading.report is not None
        report = change.apply_to(grading.report.document, old, graders)
        is_queued = report is None or effects[item.id] == "needs_judge"
        if is_queued:
            lifecycle.regrade(session, grading)
        else:
            # Before the move, so that it keeps its rubric version.
            session.add(build_earlier_report(grading, clock.now(), regrade_id=regrade.id))
        rubric = change.rubrics.get((old.question.id, old.question.language), old)
        version = submission.rubric_version(session, rubric, organisation_id=regrade.organisation_id)
        grading.rubric_version = version
        item.rubric_version_id = version.id
        if report is not None and not is_queued:
            _write_report(session, grading, report, actor=regrade.options["actor"])


def _write_report(session: Session, grading: Grading, report: GradersReport, *, actor: str) -> None:
    assert grading.report is not None
    document: dict[str, Any] = report.to_dict()
    state = lifecycle.state_of(report)
    grading.report.document = document
    grading.report.score = report.score
    grading.report.created_at = grading.updated_at = clock.now()
    grading.state = state
    grading.reason = report.unscored_reason.value if report.unscored_reason else None
    grading.detail = report.unscored_detail
    audit.append_event(
        session,
        kind=Kind.REPORT_WRITTEN,
        subject=grading.id,
        details=audit.report_details(document, state=state.value),
        actor=actor,
        organisation_id=grading.organisation_id,
    )
    lifecycle.append_grading_event(session, grading, EventKind(f"grading.{state.value}"), reason=grading.reason)


def _move_ungraded(session: Session, cohort_id: str, versions: Mapping[tuple[str, str], RubricVersion]) -> None:
    """Moves what was not graded yet to the new rubrics, so that a cohort has one rubric a question."""
    for (question_id, language), version in versions.items():
        older = sa.select(RubricVersion.id).where(
            RubricVersion.question_id == question_id, RubricVersion.language == language, RubricVersion.id != version.id
        )
        query = (
            sa.select(CohortItem, Grading)
            .outerjoin(Grading, Grading.id == CohortItem.grading_id)
            .where(
                CohortItem.cohort_id == cohort_id,
                CohortItem.rubric_version_id.in_(older),
                sa.or_(CohortItem.grading_id.is_(None), Grading.state.in_(_OPEN_GRADINGS)),
            )
        )
        for item, grading in session.execute(query).unique().all():
            item.rubric_version_id = version.id
            if grading is not None and grading.report is None:
                grading.rubric_version_id = version.id
        session.flush()
