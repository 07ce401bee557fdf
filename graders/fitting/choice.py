"""Which ridge: the one that errs least on data sets, and on questions of the bank, that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from ..combine import FEATURES
from .examples import Example
from .model import MonotoneLogit
from .report import is_bank

RIDGES = (0.003, 0.001, 0.0003, 0.0001, 0.00003)
_FOLDS_OF_BANK = 5


def choose(
    examples: Sequence[Example],
    *,
    features: tuple[str, ...] = FEATURES,
    say: Callable[[str], object] = lambda line: None,
) -> MonotoneLogit:
    """The model of the least squared error, each fold weighing the same; `say` is told of every candidate."""
    search = GridSearchCV(
        MonotoneLogit(features=features),
        {"ridge": RIDGES},
        scoring=_less_error,
        cv=PredefinedSplit(_folds(examples)),
        refit=False,
    )
    search.fit(list(examples))
    for parameters, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        say(f"ridge {parameters['ridge']:g}: squared error left out {-score:.5f}")
    return MonotoneLogit(features=features, **search.best_params_)


def _less_error(model: MonotoneLogit, held: Sequence[Example], known: object = None) -> float:
    whole = [example for example in held if example.known is not None]
    return -float(np.mean((model.predict(whole) - np.asarray([example.known for example in whole])) ** 2))


def _folds(examples: Sequence[Example]) -> list[int]:
    """A fold for each data set, and some for the bank's questions."""
    sets = sorted({example.dataset for example in examples if not is_bank(example)})
    questions = sorted({example.question for example in examples if is_bank(example)})
    return [
        len(sets) + questions.index(example.question) % _FOLDS_OF_BANK
        if is_bank(example)
        else sets.index(example.dataset)
        for example in examples
    ]
