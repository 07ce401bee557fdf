"""What each kind of background job does."""

from __future__ import annotations

from collections.abc import Mapping

from vivavoce.service.own_rubrics.trials import TEST_JOB

from .background import Handler
from .rubric_tests import grade_test

HANDLERS: Mapping[str, Handler] = {
    TEST_JOB: grade_test,
}
"""By the kind of the job."""
