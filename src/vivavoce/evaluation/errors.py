"""Errors of measurements that whoever runs them can fix."""

from __future__ import annotations


class EvaluationError(Exception):
    """The measurement cannot be carried out; the message says why and what to do."""
