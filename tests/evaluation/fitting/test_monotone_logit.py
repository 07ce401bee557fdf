from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vivavoce.evaluation.fitting import Example, Level, MonotoneLogit, shares
from vivavoce.evaluation.fitting.monotone_logit import grade_weights
from vivavoce.graders.scoring.coefficients import FEATURES
from vivavoce.graders.types import LevelSignals

SPREAD = {"judge": 2.0, "verifier": 4.0, "similarity_gain": 0.05, "term_recall": 0.2, "rouge1_recall": 0.2}


def _examples(
    *, telling: str, kind: Any = "merit", count: int = 200, dataset: str = "set", singly: bool = True
) -> list[Example]:
    """Examples in which one feature says what is known, and the others are noise."""
    draw = random.Random(1)
    found = []
    for number in range(count):
        reached = bool(number % 2)
        values = {name: draw.gauss(0, spread) for name, spread in SPREAD.items()}
        values[telling] = 3 * SPREAD[telling] * reached
        level = Level("c", kind, 1.0, LevelSignals(**values), reached=reached if singly else None)
        found.append(Example(dataset, f"q{number % 20}", "en", f"a{number}", float(reached), (level,)))
    return found


@pytest.mark.parametrize("singly", [True, False])
@pytest.mark.parametrize("telling", FEATURES)
def test_the_feature_that_tells_decides_whether_levels_or_wholes_are_known(telling: str, singly: bool) -> None:
    examples = _examples(telling=telling, singly=singly)
    fitted = MonotoneLogit().fit(examples)
    found = fitted.predict(examples)
    assert min(found[1::2]) > 0.5 > max(found[::2])
    assert all(weight >= 0 for weight in fitted.coefficients_.merit.weights.values())


def test_mistakes_are_weighed_on_their_own() -> None:
    examples = [*_examples(telling="judge"), *_examples(telling="term_recall", kind="mistake")]
    fitted = MonotoneLogit().fit(examples).coefficients_
    assert fitted.merit.weights["judge"] > fitted.mistake.weights["judge"]
    assert fitted.mistake.weights["term_recall"] > fitted.merit.weights["term_recall"]


def test_without_mistakes_they_are_weighed_as_what_earns_points() -> None:
    fitted = MonotoneLogit().fit(_examples(telling="judge")).coefficients_
    assert fitted.mistake == fitted.merit


def test_every_data_set_weighs_the_same() -> None:
    agreeing = _examples(telling="judge", count=400, singly=False)
    contrary = [Example("other", e.question, "en", e.answer, 1 - (e.known or 0), e.levels) for e in agreeing[:40]]
    # As many for as against, though not as many answers: the judge can then say next to nothing.
    assert MonotoneLogit().fit([*agreeing, *contrary]).coefficients_.merit.weights["judge"] < 0.05


@pytest.mark.parametrize(("power", "share"), [(0, 0.9), (0.5, 0.75), (1, 0.5)])
def test_a_tenth_of_the_scale_weighs_by_a_power_of_its_grades(power: float, share: float) -> None:
    grades = [*([1.0] * 180), *([0.0] * 20)]
    weights = grade_weights(grades, power=power)
    assert weights.sum() == pytest.approx(1)
    assert weights @ grades == pytest.approx(share)


def test_full_marks_teach_less_than_there_are_of_them_and_with_a_prior_as_much() -> None:
    examples = _examples(telling="judge", singly=False, count=40)
    silent = [replace(example, levels=_levels(0.0)) for example in (*examples[1::2] * 3, *examples[::2])]
    balanced = MonotoneLogit().fit(silent)
    assert balanced.predict(silent) == pytest.approx([3**0.5 / (1 + 3**0.5)] * len(silent), abs=0.01)
    natural = MonotoneLogit(prior=balanced.coefficients_, ridge=1e-9).fit(silent)
    assert natural.predict(silent) == pytest.approx([0.75] * len(silent), abs=0.02)


def _levels(value: float) -> tuple[Level, ...]:
    return (Level("c", "merit", 1.0, LevelSignals(**dict.fromkeys(FEATURES, value))),)


def test_lapses_keep_probabilities_from_certainty_and_leave_their_order() -> None:
    examples = _examples(telling="judge", singly=False)
    sure, doubting = (MonotoneLogit(lapse_rate=lapse_rate).fit(examples) for lapse_rate in (0.0, 0.2))
    assert doubting.predict(examples) == pytest.approx(0.2 + 0.6 * sure.predict(examples), abs=1e-3)
    assert doubting.coefficients_.mistake.lapse_rate == 0


def test_with_a_prior_lapses_are_learned_from_the_answers() -> None:
    examples = _examples(telling="judge", singly=False)
    prior = MonotoneLogit(lapse_rate=0.2).fit(examples).coefficients_
    assert MonotoneLogit(prior=prior, ridge=1e-6).fit(examples).coefficients_.merit.lapse_rate < 0.02
    assert MonotoneLogit(prior=prior, ridge=1e3).fit(examples).coefficients_.merit.lapse_rate == pytest.approx(
        0.2, abs=0.01
    )


def test_what_the_judge_says_more_readily_in_chinese_of_the_same_answers_is_taken_off() -> None:
    english = _examples(telling="judge")
    zh_offsets = [replace(example, language="zh", levels=_eager(example.levels)) for example in english]
    both = MonotoneLogit().fit([*english, *zh_offsets])
    assert both.coefficients_.merit.zh_offsets == pytest.approx({**dict.fromkeys(FEATURES, 0.0), "judge": 0.8})
    assert both.predict(zh_offsets) == pytest.approx(both.predict(english), abs=1e-6)
    # Others' answers in Chinese say nothing about that.
    strangers = [replace(each, question="other") for each in zh_offsets]
    assert MonotoneLogit().fit([*english, *strangers]).coefficients_.merit.zh_offsets == dict.fromkeys(FEATURES, 0.0)


def _eager(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(replace(level, signals=replace(level.signals, judge=level.signals.judge + 0.8)) for level in levels)


def test_features_that_are_left_out_weigh_nothing() -> None:
    fitted = MonotoneLogit(features=("judge", "term_recall")).fit(_examples(telling="verifier")).coefficients_
    assert {name for name, weight in fitted.merit.weights.items() if weight} <= {"judge", "term_recall"}


def test_a_strong_ridge_keeps_to_the_coefficients_that_were_there() -> None:
    prior = MonotoneLogit().fit(_examples(telling="judge")).coefficients_
    few = _examples(telling="term_recall", count=10)
    near = MonotoneLogit(prior=prior, ridge=1000.0).fit(few).coefficients_
    far = MonotoneLogit(prior=prior, ridge=1e-6).fit(few).coefficients_
    assert near.merit.weights == pytest.approx(prior.merit.weights, abs=0.01)
    assert far.merit.weights["term_recall"] > near.merit.weights["term_recall"] + 1


def test_levels_sum_to_the_share_of_full_marks_and_a_mistake_takes_from_it() -> None:
    sure, unsure = (LevelSignals(**{name: 20 * sign * SPREAD[name] for name in FEATURES}) for sign in (1, -1))
    coefficients = (
        MonotoneLogit().fit([*_examples(telling="judge"), *_examples(telling="judge", kind="mistake")]).coefficients_
    )
    levels = (
        Level("a", "merit", 0.6, sure),
        Level("b", "merit", 0.4, unsure),
        Level("m", "mistake", -0.2, sure),
    )
    assert shares([Example("set", "q", "en", "a", None, levels)], coefficients) == pytest.approx([0.4], abs=0.05)
    assert shares([Example("set", "q", "en", "settled", 0.0, ())], coefficients) == pytest.approx([0.0])


def test_two_fits_have_two_versions_and_the_same_fit_has_the_same() -> None:
    one, again, other = (
        MonotoneLogit(ridge=ridge).fit(_examples(telling="judge")).coefficients_ for ridge in (0.001, 0.001, 0.01)
    )
    assert one == again
    assert one.version != other.version


def test_the_gradient_is_that_of_the_error() -> None:
    from vivavoce.evaluation.fitting.monotone_logit import _Table

    table = _Table(
        [
            *_examples(telling="judge", count=20),
            *_examples(telling="term_recall", kind="mistake", count=20, singly=False),
        ]
    )
    _check_gradient(table)


def test_the_gradient_is_that_of_the_error_of_answers_with_gates() -> None:
    from vivavoce.evaluation.fitting.monotone_logit import _Table

    table = _Table([_gated(example, cap) for example in _examples(telling="judge", singly=False) for cap in (0.3, 0.5)])
    _check_gradient(table)


def _gated(example: Example, *caps: float) -> Example:
    """The example with gates, for which there are the same signals as for its points."""
    (level,) = example.levels
    gates = tuple(replace(level, criterion=f"gate-{cap}", kind="gate", share=cap) for cap in (*caps, 0.8))
    return replace(example, levels=(level, *gates))


def test_a_missed_gate_caps_what_is_predicted() -> None:
    sure, unsure = (LevelSignals(**{name: 20 * sign * SPREAD[name] for name in FEATURES}) for sign in (1, -1))
    fitted = MonotoneLogit().fit(_examples(telling="judge")).coefficients_
    levels = (Level("a", "merit", 1.0, sure), Level("g", "gate", 0.3, unsure))
    met = (Level("a", "merit", 1.0, sure), Level("g", "gate", 0.3, sure))
    examples = [Example("set", "q", "en", "a", None, own) for own in (levels, met)]
    assert shares(examples, fitted) == pytest.approx([0.3, 1.0], abs=0.02)


def _check_gradient(table: Any) -> None:
    at = np.random.default_rng(1).normal(0, 0.3, (2, 2 + len(FEATURES)))
    _, gradient = table.error(at)
    for place in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[place] = 1e-6
        slope = (table.error(at + step)[0] - table.error(at - step)[0]) / 2e-6
        assert gradient[place] == pytest.approx(slope, abs=1e-6)


def test_nothing_to_fit_to_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to fit to"):
        MonotoneLogit().fit([])


def test_a_feature_that_not_all_examples_have_weighs_nothing() -> None:
    examples = _examples(telling="verifier")
    some = [*examples[:-1], _without_verifier(examples[-1])]
    fitted = MonotoneLogit().fit(some).coefficients_
    assert fitted.merit.weights["verifier"] == 0
    assert shares(some, fitted) == pytest.approx(MonotoneLogit().fit(some).predict(some))
    assert (
        MonotoneLogit(prior=MonotoneLogit().fit(examples).coefficients_)
        .fit(some)
        .coefficients_.merit.weights["verifier"]
        == 0
    )


def _without_verifier(example: Example) -> Example:
    levels = tuple(replace(level, signals=replace(level.signals, verifier=None)) for level in example.levels)
    return replace(example, levels=levels)


def test_with_a_prior_a_kind_without_levels_keeps_its_weights() -> None:
    prior = replace(MonotoneLogit().fit(_examples(telling="judge")).coefficients_, mistake=_OTHER)
    assert MonotoneLogit(prior=prior).fit(_examples(telling="term_recall")).coefficients_.mistake == _OTHER


_OTHER = MonotoneLogit().fit(_examples(telling="similarity_gain")).coefficients_.merit
