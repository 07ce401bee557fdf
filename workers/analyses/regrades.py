"""Computes what a regrade would change, and applies one that was reviewed."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from vivavoce.service.analyses.regrades import application
from vivavoce.service.analyses.regrades.changes import Change, Graders
from vivavoce.service.analyses.regrades.difference import compute_difference
from vivavoce.service.errors import ServiceError
from vivavoce.service.storage.tables import Analysis

from ..background import JobContext
from .running import carry_out, store_failure


def compare_regrade(context: JobContext) -> None:
    """Carry out the dry run of a regrade: nothing is changed, and no judge is asked."""
    graders = _read_graders(context)

    def compare(session: Session, regrade: Analysis) -> dict[str, Any]:
        return compute_difference(session, regrade.cohort_id, Change.read(regrade.options), graders)

    carry_out(context, compare)


def apply_regrade(context: JobContext) -> None:
    """Apply a regrade in one transaction; whatever fails leaves every grade as it was."""
    graders = _read_graders(context)

    def apply_once(session: Session) -> None:
        regrade = session.get(Analysis, context.lease.subject_id, with_for_update=True)
        # A lost worker may have applied it before its lease ended.
        if regrade is not None and regrade.state == "applying":
            application.apply_regrade(session, regrade, graders)

    try:
        context.sessions.run(apply_once)
    except ServiceError as error:
        store_failure(context, str(error))
        raise
    except Exception as error:
        if context.lease.is_last:
            store_failure(context, f"an error of the program ({type(error).__name__}): see the worker's log")
        raise


def _read_graders(context: JobContext) -> Graders:
    return Graders(context.panel.coefficients, context.panel.identity)
