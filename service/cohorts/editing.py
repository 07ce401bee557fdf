"""Making, editing and deleting cohorts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..errors import UnusableRequest, WrongState
from ..gradings.validation import check_characters
from ..storage import clock
from ..storage.tables import (
    Analysis,
    Cohort,
    CohortFile,
    CohortItem,
    CohortState,
    Export,
    ExportChunk,
    GradeEdit,
    Submission,
    new_id,
)
from .budget import check_fits

_IN_OPTIONS = ("pass_mark", "metadata")


@dataclass(frozen=True)
class CohortOptions:
    """What a caller chooses for a new cohort; `is_priced` says whether the operator has set prices."""

    name: str
    open: bool = False
    feedback_language: str | None = None
    pass_mark: float | None = None
    max_calls: int | None = None
    max_cost: float | None = None
    finish_by: datetime | None = None
    metadata: dict[str, str] | None = None
    is_priced: bool = True
    id: str = field(default_factory=new_id)


def create_cohort(session: Session, options: CohortOptions, *, organisation_id: str, actor: str) -> Cohort:
    """Stores a draft; repeated with the same options, it returns the one that is stored. Raises UnusableRequest."""
    _check_texts(options.name, options.metadata)
    _check_limits(options.max_cost, options.finish_by, is_priced=options.is_priced)
    if stored := session.get(Cohort, options.id):
        return stored
    moment = clock.now()
    cohort = Cohort(
        id=options.id,
        organisation_id=organisation_id,
        name=options.name,
        state=CohortState.DRAFT,
        options={
            "open": options.open,
            "feedback_language": options.feedback_language,
            "pass_mark": options.pass_mark,
            "metadata": options.metadata,
        },
        max_calls=options.max_calls,
        max_cost=options.max_cost,
        finish_by=options.finish_by,
        created_at=moment,
        updated_at=moment,
    )
    session.add(cohort)
    session.flush()
    _audit(session, cohort, Kind.COHORT_CREATED, actor=actor)
    return cohort


def edit_cohort(session: Session, cohort: Cohort, changes: Mapping[str, Any], *, is_priced: bool, actor: str) -> None:
    """Changes what the mapping names; the cohort must be locked.

    Raises UnusableRequest for an unusable value, and WrongState for a limit below what is used or reserved.
    """
    _check_texts(changes.get("name"), changes.get("metadata"))
    _check_limits(changes.get("max_cost"), changes.get("finish_by"), is_priced=is_priced)
    problem = check_fits(cohort, max_calls=changes.get("max_calls"), max_cost=changes.get("max_cost"))
    if problem:
        raise WrongState(f"{problem}.")
    for name, value in changes.items():
        if name in _IN_OPTIONS:
            cohort.options = {**cohort.options, name: value}
        else:
            setattr(cohort, name, value)
    cohort.revision += 1
    cohort.updated_at = clock.now()
    session.flush()
    _audit(session, cohort, Kind.COHORT_EDITED, actor=actor, fields=sorted(changes))


def delete_cohort(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Deletes a cohort that was never started, with all that hangs on it. Raises WrongState for any other."""
    if cohort.started_at is not None or cohort.state not in (CohortState.DRAFT, CohortState.VALIDATED):
        raise WrongState(
            f"The cohort is {CohortState(cohort.state).value}: only one that was never started is deleted."
        )
    submissions = list(session.scalars(sa.select(CohortItem.submission_id).where(CohortItem.cohort_id == cohort.id)))
    earlier = session.scalars(sa.select(CohortItem.earlier).where(CohortItem.cohort_id == cohort.id))
    submissions += [old["submission_id"] for versions in earlier for old in versions]
    exports = sa.select(Export.id).where(Export.cohort_id == cohort.id)
    for part in (ExportChunk, GradeEdit):
        session.execute(sa.delete(part).where(part.export_id.in_(exports)))
    for kind in (CohortItem, CohortFile, Export, Analysis):
        session.execute(sa.delete(kind).where(kind.cohort_id == cohort.id))
    for start in range(0, len(submissions), 500):
        session.execute(sa.delete(Submission).where(Submission.id.in_(submissions[start : start + 500])))
    _audit(session, cohort, Kind.COHORT_DELETED, actor=actor)
    session.delete(cohort)
    session.flush()


def _check_texts(name: str | None, metadata: Mapping[str, str] | None) -> None:
    if name is not None:
        check_characters(name, what="name")
    for key, value in (metadata or {}).items():
        check_characters(key, what="name in metadata")
        check_characters(value, what="text in metadata")


def _check_limits(max_cost: float | None, finish_by: datetime | None, *, is_priced: bool) -> None:
    if max_cost is not None and not is_priced:
        raise UnusableRequest(
            "max_cost is set, but this service has no prices, so that calls cost nothing: use max_calls, or have the "
            "operator set VIVA_JUDGE_PRICE_PROMPT and VIVA_JUDGE_PRICE_COMPLETION."
        )
    if finish_by is not None and finish_by <= clock.now():
        raise UnusableRequest(f"finish_by is {finish_by:%Y-%m-%d %H:%M:%S %Z}, which is over: send a later time.")


def _audit(session: Session, cohort: Cohort, kind: Kind, *, actor: str, **details: Any) -> None:
    audit.append_event(
        session, kind=kind, subject=cohort.id, details=details, actor=actor, organisation_id=cohort.organisation_id
    )
