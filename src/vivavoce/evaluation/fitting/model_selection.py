"""Which ridge, and how many lapses: by the error on data sets and questions that were not fitted to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
from sklearn.model_selection import PredefinedSplit

from vivavoce.graders.scoring.coefficients import FEATURES

from .examples import Example, is_bank
from .monotone_logit import MonotoneLogit, grade_weights

RIDGES = (0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003)
LAPSE_RATES = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2)
_FIFTHS = 5
# By how much of the least error another may be larger and still count as good.
_AS_GOOD = 0.01
# PredefinedSplit learns from it every time.
NEVER = -1


def select_model(
    examples: Sequence[Example],
    *,
    features: tuple[str, ...] = FEATURES,
    lapses: Sequence[float] = LAPSE_RATES,
    say: Callable[[str], object] = lambda line: None,
) -> MonotoneLogit:
    """The model with the strongest ridge of those about as good as the best, each fold weighing the same.

    Of its lapses the one that errs least. So much is left to chance among them that the simpler one is to be preferred
    (as in the one-standard-error rule of Breiman et al. 1984). `say` is told of every candidate.
    """
    errors: dict[tuple[float, float], list[float]] = defaultdict(list)
    for learned, held in PredefinedSplit(assign_folds(examples)).split():
        whole = [examples[index] for index in held if examples[index].known is not None]
        grades = np.asarray([example.known for example in whole], dtype=float)
        # As in the fit; in the bank, where nobody's strictness is learned, the middle of the scale tells most of order.
        weights = grade_weights(grades, power=1.0 if all(map(is_bank, whole)) else 0.5)
        for ridge in RIDGES:
            model = MonotoneLogit(ridge=ridge, features=features).fit([examples[index] for index in learned])
            for lapse_rate in lapses:
                off = model.with_lapse_rate(lapse_rate).predict(whole) - grades
                errors[ridge, lapse_rate].append(float(weights @ off**2))
    found = {candidate: fmean(each) for candidate, each in errors.items()}
    for (ridge, lapse_rate), error in found.items():
        say(f"ridge {ridge:g}, lapse {lapse_rate:g}: squared error left out {error:.5f}")
    enough = min(found.values()) * (1 + _AS_GOOD)
    strongest = max(ridge for (ridge, _), error in found.items() if error <= enough)
    ridge, lapse_rate = min((one for one in found if one[0] == strongest), key=found.__getitem__)
    return MonotoneLogit(ridge=ridge, lapse_rate=lapse_rate, features=features)


def assign_folds(examples: Sequence[Example]) -> list[int]:
    """The fold that each example is held out in, NEVER for one that is always learned from.

    A fold for each data set that people graded; fifths of the questions where there is nothing but one set, or the
    bank.
    """
    sets = sorted({example.dataset for example in examples if not is_bank(example)})
    if sets and len({example.dataset for example in examples}) > 1:
        return [NEVER if is_bank(example) else sets.index(example.dataset) for example in examples]
    questions = sorted({example.question for example in examples})
    return [questions.index(example.question) % _FIFTHS for example in examples]
