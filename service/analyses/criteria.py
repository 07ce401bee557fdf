"""The figures of a criterion: points, use of its levels, abstentions, and what people made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .statistics import Figure, correlate, mean_with_interval, weighted_kappa


@dataclass(frozen=True)
class CriterionFigures:
    """The figures of a criterion over the answers that were graded by it.

    `scored` answers have a verdict on it, and `abstentions` counts the others by reason. `mean` is in points,
    `difficulty` the mean share of its points: 1 is easy; of a mistake, 1 is made by all. `levels` counts the most
    probable level of each answer, the lowest first. People set a level on `reviewed` of the scored answers, and another
    one on `overrides` of these.
    """

    criterion_id: str
    kind: str
    scored: int
    abstentions: Mapping[str, int]
    mean: Figure
    difficulty: Figure
    item_rest: Figure
    levels: Sequence[int]
    reviewed: int
    overrides: int
    kappa: Figure


@dataclass
class CriterionData:
    """What the reports and reviews of a cohort say about a criterion."""

    criterion_id: str
    kind: str
    points: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    rests: list[tuple[float, float]] = field(default_factory=list)
    levels: Counter[int] = field(default_factory=Counter)
    level_count: int = 0
    pairs: list[tuple[int, int]] = field(default_factory=list)
    abstentions: Counter[str] = field(default_factory=Counter)

    def add(self, criterion: Mapping[str, Any], criteria: Sequence[Mapping[str, Any]], human_level: object) -> None:
        """Adds a criterion of a report, among all of that report, and the level that a person set, if one did."""
        if criterion["points"] is None:
            # Without a failure, a person has to give the score.
            self.abstentions[criterion["unscored_reason"] or "open"] += 1
            return
        points, maximum = float(criterion["points"]), float(criterion["max_points"])
        self.points.append(points)
        if maximum:
            self.shares.append(points / maximum)
        others = [other["points"] for other in criteria if other["id"] != self.criterion_id]
        if others and None not in others:
            self.rests.append((points, float(sum(others))))
        self.levels[criterion["level"]] += 1
        self.level_count = max(self.level_count, len(criterion["probabilities"]))
        if isinstance(human_level, int):
            self.pairs.append((criterion["level"], human_level))


def summarise_criteria(criteria: Iterable[CriterionData]) -> list[CriterionFigures]:
    """Returns the figures of the criteria of a question, in their order."""
    return [_summarise(data) for data in criteria]


def _summarise(data: CriterionData) -> CriterionFigures:
    machine, human = [pair[0] for pair in data.pairs], [pair[1] for pair in data.pairs]
    return CriterionFigures(
        criterion_id=data.criterion_id,
        kind=data.kind,
        scored=len(data.points),
        abstentions=dict(sorted(data.abstentions.items())),
        mean=mean_with_interval(data.points),
        difficulty=_find_difficulty(data),
        item_rest=_correlate_with_rest(data),
        levels=[data.levels[level] for level in range(data.level_count)],
        reviewed=len(data.pairs),
        overrides=sum(level != other for level, other in data.pairs),
        kappa=weighted_kappa(machine, human),
    )


def _find_difficulty(data: CriterionData) -> Figure:
    if data.points and not data.shares:
        # A gate earns nothing.
        return Figure(None, undefined="no_points")
    return mean_with_interval(data.shares)


def _correlate_with_rest(data: CriterionData) -> Figure:
    """Pearson's correlation between a criterion's points and those of the other criteria of the same answers."""
    if data.kind == "gate":
        return Figure(None, undefined="no_points")
    if data.points and not data.rests:
        return Figure(None, undefined="no_other_criterion")
    return correlate([own for own, _ in data.rests], [rest for _, rest in data.rests])
