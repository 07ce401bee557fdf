"""What each kind of background job does."""

from __future__ import annotations

from collections.abc import Mapping

from vivavoce.service.exports import lifecycle as exports
from vivavoce.service.own_rubrics.trials import TEST_JOB

from .analyses.duplicates import find_duplicates
from .analyses.regrades import apply_regrade, compare_regrade
from .background import FailureHandler, Handler
from .exports.handler import write_export
from .rubric_tests import grade_test

HANDLERS: Mapping[str, Handler] = {
    exports.JOB_KIND: write_export,
    TEST_JOB: grade_test,
    "duplicates": find_duplicates,
    "regrade": compare_regrade,
    "regrade_apply": apply_regrade,
}
"""By the kind of the job."""
ON_FAILURE: Mapping[str, FailureHandler] = {exports.JOB_KIND: exports.fail}
"""What notes the failure of a job in the row that it is about."""
