"""Carries out an analysis in a job: it is read, computed, and stored as finished or failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from vivavoce.service.analyses import records
from vivavoce.service.errors import ServiceError
from vivavoce.service.storage.tables import Analysis

from ..background import JobContext

Compute = Callable[[Session, Analysis], Mapping[str, Any]]


def carry_out(context: JobContext, compute: Compute) -> None:
    """Computes the result of an analysis in a reading session, and stores it.

    A ServiceError fails the analysis with its sentence, any other error only in the last attempt.
    """
    analysis_id = context.lease.subject_id
    try:
        analysis = context.sessions.run(lambda session: records.begin(session, analysis_id))
        # A lost worker may have finished it before its lease ended.
        if analysis is None or analysis.state != "running":
            return
        result = context.sessions.read(lambda session: compute(session, analysis))
        context.sessions.run(lambda session: records.finish(session, analysis_id, result))
    except ServiceError as error:
        store_failure(context, str(error))
        raise
    except Exception as error:
        if context.lease.is_last:
            store_failure(context, f"an error of the program ({type(error).__name__}): see the worker's log")
        raise


def store_failure(context: JobContext, error: str) -> None:
    """Ends the analysis of a job as failed."""
    context.sessions.run(lambda session: records.fail(session, context.lease.subject_id, error))
