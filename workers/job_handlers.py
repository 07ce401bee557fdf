"""What each kind of background job does."""

from __future__ import annotations

from collections.abc import Mapping

from .background import Handler

HANDLERS: Mapping[str, Handler] = {}
"""By the kind of the job."""
