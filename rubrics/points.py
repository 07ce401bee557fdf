"""Points of criteria and levels."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

# Smaller figures overflow once divided by; only proportions count.
SMALLEST_POINTS = 0.01


def _check_size(value: float) -> float:
    if 0 < abs(value) < SMALLEST_POINTS:
        bound = f"at least {SMALLEST_POINTS}" if value > 0 else f"at most -{SMALLEST_POINTS}"
        raise ValueError(f"points must be {bound}: only proportions count, so multiply all of them")
    return value


Points = Annotated[float, AfterValidator(_check_size)]
"""Points of a level or a criterion: 0, or not too small to be divided by."""
