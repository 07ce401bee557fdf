"""The share of full marks that points and gates come to: the one rule for writers' grades, scores and fits.

An answer that misses a gate gets at most the gate's `cap` of the maximum: the lower of its points and the cap, never
their product. Of several gates that are missed, the lowest cap holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Rubric


@dataclass(frozen=True)
class Cap:
    """A bound on the share of full marks (0 to 1), and the probability (0 to 1) that it is the one that holds."""

    share: float
    probability: float


@dataclass(frozen=True)
class Total:
    """An expected share of full marks (0 to 1), and the standard deviation that points and gates leave it."""

    share: float
    deviation: float


def list_caps(gates: Iterable[tuple[float, float]]) -> list[Cap]:
    """The caps that may hold, the lowest first, the last one 1 for an answer that meets every gate.

    A gate is its cap and the probability (both 0 to 1) that it is met; gates are taken as independent.
    """
    caps = []
    all_met = 1.0
    for cap, met in sorted(gates):
        caps.append(Cap(cap, all_met * (1 - met)))
        all_met *= met
    return [*caps, Cap(1.0, all_met)]


def cap_share(share: float, gates: Iterable[tuple[float, float]], *, deviation: float = 0.0) -> Total:
    """The share of full marks that gates leave of `share`, which is first kept within 0 and 1.

    `gates` as in `list_caps`; `deviation` is the standard deviation of `share`.
    """
    share = min(max(share, 0.0), 1.0)
    outcomes = [(min(share, cap.share), cap) for cap in list_caps(gates)]
    mean = sum(cap.probability * capped for capped, cap in outcomes)
    # Law of total variance; below its cap a score varies as its points do, at the cap not at all.
    variance = sum(
        cap.probability * ((capped - mean) ** 2 + (deviation**2 if share <= cap.share else 0.0))
        for capped, cap in outcomes
    )
    return Total(mean, math.sqrt(variance))


def total_share(
    rubric: Rubric, points: Mapping[str, float], gates_met: Mapping[str, float], *, deviation: float = 0.0
) -> Total:
    """The share of full marks for points by criterion, and gates by the probability (0 to 1) that they are met.

    Points and probabilities may be expectations or known; a criterion that is in neither mapping counts for nothing,
    and a gate that is not there caps nothing. `deviation` is that of the sum of the points, in points.
    """
    gates = [
        (criterion.cap, gates_met[criterion.id])
        for criterion in rubric.criteria
        if criterion.kind == "gate" and criterion.id in gates_met
    ]
    maximum = rubric.max_points
    return cap_share(sum(points.values()) / maximum, gates, deviation=deviation / maximum)
