"""What each kind of background job does."""

from __future__ import annotations

from collections.abc import Mapping

from .analyses.duplicates import find_duplicates
from .analyses.regrades import apply_regrade, compare_regrade
from .background import Handler

HANDLERS: Mapping[str, Handler] = {
    "duplicates": find_duplicates,
    "regrade": compare_regrade,
    "regrade_apply": apply_regrade,
}
"""By the kind of the job."""
