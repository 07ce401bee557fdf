"""Which ridge, and how many lapses: those that err least on data sets and questions that were not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from sklearn.model_selection import GridSearchCV, PredefinedSplit

from .. import agreement
from ..combine import FEATURES
from .examples import Example
from .model import MonotoneLogit
from .report import is_bank

RIDGES = (0.001, 0.0003, 0.0001, 0.00003)
LAPSES = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2)
_FOLDS_OF_BANK = 5
# PredefinedSplit learns from it every time.
_NEVER = -1


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
        cv=PredefinedSplit(_folds(examples)),
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


def _folds(examples: Sequence[Example]) -> list[int]:
    """A fold for each data set that people graded; the bank's answers decide, by question, where there is none."""
    sets = sorted({example.dataset for example in examples if not is_bank(example)})
    if sets:
        return [_NEVER if is_bank(example) else sets.index(example.dataset) for example in examples]
    questions = sorted({example.question for example in examples})
    return [questions.index(example.question) % _FOLDS_OF_BANK for example in examples]
