"""The record of an analysis that a job carries out: asked for, finished or failed, and found again.

queued → running → finished | failed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer

from .. import jobs
from ..events.log import EventKind, append_event
from ..lookup import get_own
from ..storage import clock
from ..storage.tables import Analysis, Cohort

AnalysisKind = Literal["duplicates", "regrade"]
_NAMES = {"duplicates": "analysis", "regrade": "regrade"}


def request_analysis(
    session: Session, cohort_id: str, kind: AnalysisKind, options: Mapping[str, Any], *, organisation_id: str
) -> Analysis:
    """Stores an analysis of a cohort and the job that carries it out. Raises NotFound without such a cohort."""
    cohort = get_own(session, Cohort, cohort_id, name="cohort")
    analysis = Analysis(
        organisation_id=organisation_id,
        cohort_id=cohort.id,
        kind=kind,
        options=dict(options),
        state="queued",
        created_at=clock.now(),
    )
    session.add(analysis)
    session.flush()
    jobs.enqueue(session, kind, subject_id=analysis.id, organisation_id=organisation_id)
    return analysis


def find_analysis(
    session: Session, cohort_id: str, analysis_id: str, kind: AnalysisKind, *, lock: bool = False
) -> Analysis:
    """Returns an analysis of a cohort. Raises NotFound if the cohort has none of this kind with this id."""
    get_own(session, Cohort, cohort_id, name="cohort")
    analysis = get_own(session, Analysis, analysis_id, name=_NAMES[kind], lock=lock)
    if (analysis.cohort_id, analysis.kind) != (cohort_id, kind):
        # As if it did not exist: its address is another.
        return get_own(session, Analysis, "-", name=_NAMES[kind])
    return analysis


def list_analyses(
    session: Session, cohort_id: str, kind: AnalysisKind, *, after: Sequence[Any] | None, limit: int
) -> Sequence[Analysis]:
    """Returns analyses of a cohort, the newest first, from the one after these sort values on."""
    get_own(session, Cohort, cohort_id, name="cohort")
    query = (
        sa.select(Analysis)
        .options(defer(Analysis.result))
        .where(Analysis.cohort_id == cohort_id, Analysis.kind == kind)
        .order_by(Analysis.created_at.desc(), Analysis.id.desc())
        .limit(limit)
    )
    if after is not None:
        moment, analysis_id = datetime.fromisoformat(after[0]), after[1]
        query = query.where(sa.tuple_(Analysis.created_at, Analysis.id) < sa.tuple_(moment, analysis_id))
    return session.scalars(query).all()


def cursor_of(found: Sequence[Analysis], limit: int) -> tuple[str, str] | None:
    """Returns the sort values of the last analysis on a page, if there are more than `limit`."""
    return (found[limit - 1].created_at.isoformat(), found[limit - 1].id) if len(found) > limit else None


def begin(session: Session, analysis_id: str) -> Analysis | None:
    """Marks an analysis as running, and returns it; None if it was deleted with its cohort."""
    analysis = session.get(Analysis, analysis_id)
    if analysis is not None and analysis.state == "queued":
        analysis.state = "running"
    return analysis


def finish(session: Session, analysis_id: str, result: Mapping[str, Any]) -> None:
    """Stores what an analysis found, unless it was deleted; after a lost worker it replaces what the first found."""
    analysis = session.get(Analysis, analysis_id)
    if analysis is None:
        return
    analysis.state = "finished"
    analysis.error = None
    analysis.result = dict(result)
    analysis.finished_at = clock.now()
    _append_event(session, analysis, EventKind.ANALYSIS_FINISHED)


def fail(session: Session, analysis_id: str, error: str) -> None:
    """Ends an analysis as failed, with the reason in a sentence, unless it was deleted."""
    analysis = session.get(Analysis, analysis_id)
    if analysis is None:
        return
    analysis.state = "failed"
    analysis.error = error
    analysis.finished_at = clock.now()
    _append_event(session, analysis, EventKind.ANALYSIS_FAILED)


def _append_event(session: Session, analysis: Analysis, kind: EventKind) -> None:
    append_event(
        session,
        kind,
        subject_id=analysis.id,
        organisation_id=analysis.organisation_id,
        cohort_id=analysis.cohort_id,
        data={"analysis_id": analysis.id, "cohort_id": analysis.cohort_id, "kind": analysis.kind},
    )
