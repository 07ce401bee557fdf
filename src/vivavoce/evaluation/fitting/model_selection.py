"""Selects ridge and lapse rate by the error on data sets and questions that were held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
from sklearn.model_selection import PredefinedSplit

from vivavoce.graders.scoring.coefficients import FEATURES

from .examples import Example, is_bank
from .level_table import grade_weights
from .monotone_logit import MonotoneLogit

RIDGES = (0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003)
LAPSE_RATES = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2)
_FOLDS = 5
# Errors within 1 % of the smallest count as good.
_TOLERANCE = 0.01
# The fold that PredefinedSplit never holds out.
NEVER = -1


def select_model(
    examples: Sequence[Example],
    *,
    features: tuple[str, ...] = FEATURES,
    lapses: Sequence[float] = LAPSE_RATES,
    say: Callable[[str], object] = lambda line: None,
) -> MonotoneLogit:
    """The model with the strongest ridge whose held-out error is about the smallest, each fold weighing the same.

    Of its lapse rates it has the one with the smallest error. Differences within the tolerance are mostly chance, so
    the simpler model is preferred (as in the one-standard-error rule of Breiman et al. 1984). `say` is called with a
    line for every candidate.
    """
    errors: dict[tuple[float, float], list[float]] = defaultdict(list)
    for learned, held in PredefinedSplit(assign_folds(examples)).split():
        graded = [examples[index] for index in held if examples[index].known is not None]
        grades = np.asarray([example.known for example in graded], dtype=float)
        # In the bank the middle of the scale decides the order.
        weights = grade_weights(grades, power=1.0 if all(map(is_bank, graded)) else 0.5)
        for ridge in RIDGES:
            model = MonotoneLogit(ridge=ridge, features=features).fit([examples[index] for index in learned])
            for lapse_rate in lapses:
                differences = model.with_lapse_rate(lapse_rate).predict(graded) - grades
                errors[ridge, lapse_rate].append(float(weights @ differences**2))
    means = {candidate: fmean(of_folds) for candidate, of_folds in errors.items()}
    for (ridge, lapse_rate), error in means.items():
        say(f"ridge {ridge:g}, lapse {lapse_rate:g}: squared error left out {error:.5f}")
    limit = min(means.values()) * (1 + _TOLERANCE)
    strongest = max(ridge for (ridge, _), error in means.items() if error <= limit)
    ridge, lapse_rate = min((candidate for candidate in means if candidate[0] == strongest), key=means.__getitem__)
    return MonotoneLogit(ridge=ridge, lapse_rate=lapse_rate, features=features)


def assign_folds(examples: Sequence[Example]) -> list[int]:
    """The fold in which each example is held out, NEVER for one that is always learned from.

    Each data set that people graded is a fold of its own. Where there is only one data set, or only the bank, each fold
    has a fifth of the questions.
    """
    sets = sorted({example.dataset for example in examples if not is_bank(example)})
    if sets and len({example.dataset for example in examples}) > 1:
        return [NEVER if is_bank(example) else sets.index(example.dataset) for example in examples]
    questions = sorted({example.question for example in examples})
    return [questions.index(example.question) % _FOLDS for example in examples]
