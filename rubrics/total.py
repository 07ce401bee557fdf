"""Combines points and gates into a share of full marks, for writers' grades, scores and fits alike.

An answer that misses a gate gets at most the gate's `cap` of the maximum: the lower of its points and the cap, not
their product. If it misses several gates, the lowest cap applies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Rubric


@dataclass(frozen=True)
class Cap:
    """A bound on the share of full marks (0 to 1), and the probability (0 to 1) that it is the one that applies."""

    share: float
    probability: float


@dataclass(frozen=True)
class Total:
    """The expected share of full marks (0 to 1), and its standard deviation, from points and gates together."""

    share: float
    deviation: float


def list_caps(gates: Iterable[tuple[float, float]]) -> list[Cap]:
    """The caps that may apply, lowest first; the last one is 1, for an answer that meets every gate.

    `gates` are pairs of a cap and the probability (both 0 to 1) that the gate is met. Gates are taken as independent,
    and the probabilities of the caps sum to 1.
    """
    caps = []
    all_met = 1.0
    # A cap applies if all lower gates are met.
    for cap, met in sorted(gates):
        caps.append(Cap(cap, all_met * (1 - met)))
        all_met *= met
    return [*caps, Cap(1.0, all_met)]


def cap_share(share: float, gates: Iterable[tuple[float, float]], *, deviation: float = 0.0) -> Total:
    """Apply gates to a share of full marks, which is first clipped to 0 and 1.

    `gates` are as in `list_caps`; `deviation` is the standard deviation of `share`.
    """
    share = min(max(share, 0.0), 1.0)
    outcomes = [(min(share, cap.share), cap) for cap in list_caps(gates)]
    mean = sum(cap.probability * capped for capped, cap in outcomes)
    # Law of total variance; a capped share does not vary.
    variance = sum(
        cap.probability * ((capped - mean) ** 2 + (deviation**2 if share <= cap.share else 0.0))
        for capped, cap in outcomes
    )
    return Total(mean, math.sqrt(variance))


def total_share(
    rubric: Rubric, points: Mapping[str, float], gates_met: Mapping[str, float], *, deviation: float = 0.0
) -> Total:
    """The share of full marks, from points by criterion and the probability (0 to 1) that each gate is met.

    Points may be earned or expected ones. A criterion that is missing in `points` counts 0, a gate that is missing in
    `gates_met` caps nothing. `deviation` is the standard deviation of the sum of points, in points.
    """
    gates = [
        (criterion.cap, gates_met[criterion.id])
        for criterion in rubric.criteria
        if criterion.kind == "gate" and criterion.id in gates_met
    ]
    maximum = rubric.max_points
    return cap_share(sum(points.values()) / maximum, gates, deviation=deviation / maximum)
