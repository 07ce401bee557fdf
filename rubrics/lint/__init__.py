"""Finds weaknesses in rubrics: what grades worse than it could, and wordings that no judge can grade."""

from .findings import Finding, find_traps, lint

__all__ = ["Finding", "find_traps", "lint"]
