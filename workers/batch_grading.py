"""Grades a claimed batch: a report for each grading, or the failure of one that the graders could not handle."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import cast

from pydantic import ValidationError

from vivavoce.graders import AnswerInput, GraderError, JudgeFailure, Panel, Report, UnscoredReason, grade
from vivavoce.rubrics import Language, Rubric
from vivavoce.rubrics.problems import first_problem
from vivavoce.service.gradings.leases import Batch, Lease
from vivavoce.service.observability.logs import log_ids

Result = Report | JudgeFailure
_log = logging.getLogger(__name__)


def grade_batch(batch: Batch, panel: Panel, *, seconds: float | None) -> list[Result]:
    """The result of each grading of a batch, in order; the work on an answer may take `seconds`.

    An error of the program fails only the grading that causes it. Raises GraderError if no answer can be graded, as
    without a model.
    """
    try:
        rubric = Rubric.model_validate(batch.rubric_document)
    except ValidationError as error:
        problem = first_problem(error)[1]
        detail = f"the rubric of this grading is no longer accepted ({problem}): submit the answer with a mended rubric"
        return [JudgeFailure(UnscoredReason.INTERNAL, detail) for _ in batch.leases]
    try:
        return [*_grade_leases(batch.leases, rubric, panel, seconds)]
    except GraderError:
        raise
    except Exception as error:  # noqa: BLE001  the one that causes it is found below
        if len(batch.leases) == 1:
            return [describe_error(batch.leases[0], error)]
    return [_grade_alone(lease, rubric, panel, seconds) for lease in batch.leases]


def describe_error(lease: Lease, error: Exception) -> JudgeFailure:
    """Log an error of the program, without its message, which may quote the answer; the failure of the grading."""
    with log_ids(grading_id=lease.grading_id, request_id=lease.request_id):
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("this grading fails with %s at\n%s", type(error).__name__, where)
    detail = f"an error of the program ({type(error).__name__}): look into the worker's log, then requeue the grading"
    return JudgeFailure(UnscoredReason.INTERNAL, detail)


def _grade_alone(lease: Lease, rubric: Rubric, panel: Panel, seconds: float | None) -> Result:
    try:
        (report,) = _grade_leases([lease], rubric, panel, seconds)
    except GraderError:
        raise
    except Exception as error:  # noqa: BLE001  any error fails this grading and no other
        return describe_error(lease, error)
    return report


def _grade_leases(leases: Sequence[Lease], rubric: Rubric, panel: Panel, seconds: float | None) -> list[Report]:
    return grade([_build_input(lease) for lease in leases], rubric, panel, seconds=seconds)


def _build_input(lease: Lease) -> AnswerInput:
    language = lease.feedback_language
    return AnswerInput(
        raw=lease.answer,
        feedback_language=cast(Language, language) if language else None,
        candidate=lease.candidate,
    )
