"""The table of forms: agreement with people, failures and tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from .. import agreement
from .outcomes import Outcome


@dataclass(frozen=True)
class FormFigures:
    """A row of the table; agreement is the mean over data sets (NaN where undefined), tokens are per answer.

    `over_first` is the 95 % interval of how much higher Pearson's correlation is than the first form's, on the answers
    that both judged; None for the first form, and where it is undefined.
    """

    form: str
    answers: int
    failed: int
    pearson: float
    spearman: float
    by_dataset: dict[str, float]
    over_first: tuple[float, float] | None
    tokens_in: float
    tokens_cached: float
    tokens_out: float


def compare_forms(outcomes: Sequence[Outcome], *, seed: int) -> list[FormFigures]:
    """A row for each form, in the order in which the forms were run; `seed` draws the intervals."""
    forms = list(dict.fromkeys(outcome.form for outcome in outcomes))
    by_form = {form: [outcome for outcome in outcomes if outcome.form == form] for form in forms}
    return [_measure_form(form, by_form[form], by_form[forms[0]], seed=seed) for form in forms]


def _measure_form(form: str, outcomes: Sequence[Outcome], first: Sequence[Outcome], *, seed: int) -> FormFigures:
    judged = [outcome for outcome in outcomes if outcome.judged is not None]
    datasets = sorted({outcome.dataset for outcome in judged})
    sets = {name: [outcome for outcome in judged if outcome.dataset == name] for name in datasets}
    pearson = {name: _correlate(agreement.pearson, of_set) for name, of_set in sets.items()}
    spearman = {name: _correlate(agreement.spearman, of_set) for name, of_set in sets.items()}
    return FormFigures(
        form=form,
        answers=len(outcomes),
        failed=len(outcomes) - len(judged),
        pearson=fmean(pearson.values()) if pearson else math.nan,
        spearman=fmean(spearman.values()) if spearman else math.nan,
        by_dataset=pearson,
        over_first=None if form == first[0].form else _compare_with_first(first, outcomes, seed=seed),
        tokens_in=fmean(outcome.tokens_in for outcome in outcomes),
        tokens_cached=fmean(outcome.tokens_cached for outcome in outcomes),
        tokens_out=fmean(outcome.tokens_out for outcome in outcomes),
    )


def _compare_with_first(
    first: Sequence[Outcome], outcomes: Sequence[Outcome], *, seed: int
) -> tuple[float, float] | None:
    """The 95 % interval of Pearson's correlation minus the first form's, the mean over data sets.

    Answers are drawn in pairs, so that both forms are measured on the same ones.
    """
    before = {(outcome.dataset, outcome.answer): outcome for outcome in first if outcome.judged is not None}
    pairs = [
        (before[outcome.dataset, outcome.answer], outcome)
        for outcome in outcomes
        if outcome.judged is not None and (outcome.dataset, outcome.answer) in before
    ]
    sets = np.array([outcome.dataset for _, outcome in pairs])
    human = np.array([outcome.human for _, outcome in pairs], dtype=float)
    new = np.array([outcome.judged for _, outcome in pairs], dtype=float)
    old = np.array([outcome.judged for outcome, _ in pairs], dtype=float)

    def measure_gain(drawn: npt.NDArray[np.intp]) -> float | None:
        gains = []
        for dataset in np.unique(sets):
            of_set = drawn[sets[drawn] == dataset]
            after = agreement.pearson(human[of_set], new[of_set])
            earlier = agreement.pearson(human[of_set], old[of_set])
            if after is None or earlier is None:
                return None
            gains.append(after - earlier)
        return fmean(gains)

    interval = agreement.bootstrap(measure_gain, len(pairs), seed=seed)
    return (interval.low, interval.high) if interval else None


def _correlate(figure: Callable[[list[float], list[float]], float | None], outcomes: Sequence[Outcome]) -> float:
    value = figure(
        [outcome.human for outcome in outcomes],
        [outcome.judged for outcome in outcomes if outcome.judged is not None],
    )
    return math.nan if value is None else value
