"""Errors of measurements that the person who runs them can fix."""

from __future__ import annotations


class EvaluationError(Exception):
    """The measurement cannot be carried out; the message names the cause and the fix."""
