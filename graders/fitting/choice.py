"""Which ridge, and how many lapses: those that err least on data sets and questions that were not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from sklearn.model_selection import GridSearchCV, PredefinedSplit

from .. import agreement
from ..combine import FEATURES
from .examples import Example, is_bank
from .model import MonotoneLogit

RIDGES = (0.001, 0.0003, 0.0001, 0.00003)
LAPSES = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2)
_FIFTHS = 5
# PredefinedSplit learns from it every time.
NEVER = -1


def choose(
    examples: Sequence[Example],
    *,
    features: tuple[str, ...] = FEATURES,
    say: Callable[[str], object] = lambda line: None,
) -> MonotoneLogit:
    """The model of the least error, each fold weighing the same; `say` is told of every candidate."""
    search = GridSearchCV(
        MonotoneLogit(features=features),
        {"ridge": RIDGES, "lapse": LAPSES},
        scoring=_less_error,
        cv=PredefinedSplit(folds(examples)),
        refit=False,
    )
    search.fit(list(examples))
    for parameters, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        say(f"ridge {parameters['ridge']:g}, lapse {parameters['lapse']:g}: squared error left out {-score:.5f}")
    return MonotoneLogit(features=features, **search.best_params_)


def _less_error(model: MonotoneLogit, held: Sequence[Example], known: object = None) -> float:
    """Each tenth of the scale weighing the same, as in the fit."""
    whole = [example for example in held if example.known is not None]
    grades = [cast(float, example.known) for example in whole]
    return -(cast(float, agreement.weighted_rmse(grades, model.predict(whole))) ** 2)


def folds(examples: Sequence[Example]) -> list[int]:
    """The fold that each example is held out in, NEVER for one that is always learned from.

    A fold for each data set that people graded; fifths of the questions where there is nothing but one set, or the
    bank.
    """
    sets = sorted({example.dataset for example in examples if not is_bank(example)})
    if sets and len({example.dataset for example in examples}) > 1:
        return [NEVER if is_bank(example) else sets.index(example.dataset) for example in examples]
    questions = sorted({example.question for example in examples})
    return [questions.index(example.question) % _FIFTHS for example in examples]
