from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from vivavoce.evaluation.fitting import Example, Level, MonotoneLogit, predict_shares
from vivavoce.evaluation.fitting.monotone_logit import predict_levels
from vivavoce.graders.scoring.coefficients import FEATURES
from vivavoce.graders.types import LevelSignals

SPREAD = {"judge": 2.0, "verifier": 4.0, "similarity_gain": 0.05, "term_recall": 0.2, "rouge1_recall": 0.2}


def _examples(
    *, informative: str, kind: Any = "merit", count: int = 200, dataset: str = "set", singly: bool = True
) -> list[Example]:
    """Examples in which one feature tells whether the level is reached, and the others are noise."""
    draw = random.Random(1)
    examples = []
    for number in range(count):
        reached = bool(number % 2)
        values = {name: draw.gauss(0, spread) for name, spread in SPREAD.items()}
        values[informative] = 3 * SPREAD[informative] * reached
        level = Level("c", kind, 1.0, LevelSignals(**values), reached=reached if singly else None)
        examples.append(Example(dataset, f"q{number % 20}", "en", f"a{number}", float(reached), (level,)))
    return examples


@pytest.mark.parametrize("singly", [True, False])
@pytest.mark.parametrize("informative", FEATURES)
def test_the_informative_feature_decides(informative: str, singly: bool) -> None:
    examples = _examples(informative=informative, singly=singly)
    fitted = MonotoneLogit().fit(examples)
    predicted = fitted.predict(examples)
    assert min(predicted[1::2]) > 0.5 > max(predicted[::2])
    assert all(weight >= 0 for weight in fitted.coefficients_.merit.weights.values())


def test_mistakes_are_weighed_on_their_own() -> None:
    examples = [*_examples(informative="judge"), *_examples(informative="term_recall", kind="mistake")]
    fitted = MonotoneLogit().fit(examples).coefficients_
    assert fitted.merit.weights["judge"] > fitted.mistake.weights["judge"]
    assert fitted.mistake.weights["term_recall"] > fitted.merit.weights["term_recall"]


def test_without_mistakes_they_are_weighed_as_what_earns_points() -> None:
    fitted = MonotoneLogit().fit(_examples(informative="judge")).coefficients_
    assert fitted.mistake == fitted.merit


def test_every_data_set_weighs_the_same() -> None:
    agreeing = _examples(informative="judge", count=400, singly=False)
    contrary = [Example("other", e.question, "en", e.answer, 1 - (e.known or 0), e.levels) for e in agreeing[:40]]
    # As many for as against, though not as many answers: the judge can then say next to nothing.
    assert MonotoneLogit().fit([*agreeing, *contrary]).coefficients_.merit.weights["judge"] < 0.05


def test_many_full_marks_teach_less_except_with_a_prior() -> None:
    examples = _examples(informative="judge", singly=False, count=40)
    silent = [replace(example, levels=_levels(0.0)) for example in (*examples[1::2] * 3, *examples[::2])]
    balanced = MonotoneLogit().fit(silent)
    assert balanced.predict(silent) == pytest.approx([3**0.5 / (1 + 3**0.5)] * len(silent), abs=0.01)
    natural = MonotoneLogit(prior=balanced.coefficients_, ridge=1e-9).fit(silent)
    assert natural.predict(silent) == pytest.approx([0.75] * len(silent), abs=0.02)


def _levels(value: float) -> tuple[Level, ...]:
    return (Level("c", "merit", 1.0, LevelSignals(**dict.fromkeys(FEATURES, value))),)


def test_lapses_squeeze_predictions_towards_the_middle() -> None:
    examples = _examples(informative="judge", singly=False)
    sure, doubting = (MonotoneLogit(lapse_rate=lapse_rate).fit(examples) for lapse_rate in (0.0, 0.2))
    assert doubting.predict(examples) == pytest.approx(0.2 + 0.6 * sure.predict(examples), abs=1e-3)
    assert doubting.coefficients_.mistake.lapse_rate == 0


def test_with_a_prior_lapses_are_learned_from_the_answers() -> None:
    examples = _examples(informative="judge", singly=False)
    prior = MonotoneLogit(lapse_rate=0.2).fit(examples).coefficients_
    assert MonotoneLogit(prior=prior, ridge=1e-6).fit(examples).coefficients_.merit.lapse_rate < 0.02
    assert MonotoneLogit(prior=prior, ridge=1e3).fit(examples).coefficients_.merit.lapse_rate == pytest.approx(
        0.2, abs=0.01
    )


def test_what_is_larger_in_chinese_is_subtracted() -> None:
    english = _examples(informative="judge")
    chinese = [replace(example, language="zh", levels=_eager(example.levels)) for example in english]
    both = MonotoneLogit().fit([*english, *chinese])
    assert both.coefficients_.merit.zh_offsets == pytest.approx({**dict.fromkeys(FEATURES, 0.0), "judge": 0.8})
    assert both.predict(chinese) == pytest.approx(both.predict(english), abs=1e-6)
    # Other answers in Chinese say nothing about that.
    strangers = [replace(example, question="other") for example in chinese]
    assert MonotoneLogit().fit([*english, *strangers]).coefficients_.merit.zh_offsets == dict.fromkeys(FEATURES, 0.0)


def _eager(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(replace(level, signals=replace(level.signals, judge=level.signals.judge + 0.8)) for level in levels)


def test_features_that_are_left_out_weigh_nothing() -> None:
    fitted = MonotoneLogit(features=("judge", "term_recall")).fit(_examples(informative="verifier")).coefficients_
    assert {name for name, weight in fitted.merit.weights.items() if weight} <= {"judge", "term_recall"}


def test_a_strong_ridge_keeps_to_the_prior() -> None:
    prior = MonotoneLogit().fit(_examples(informative="judge")).coefficients_
    few = _examples(informative="term_recall", count=10)
    near = MonotoneLogit(prior=prior, ridge=1000.0).fit(few).coefficients_
    far = MonotoneLogit(prior=prior, ridge=1e-6).fit(few).coefficients_
    assert near.merit.weights == pytest.approx(prior.merit.weights, abs=0.01)
    assert far.merit.weights["term_recall"] > near.merit.weights["term_recall"] + 1


def test_levels_add_up_and_a_mistake_is_subtracted() -> None:
    sure, unsure = (LevelSignals(**{name: 20 * sign * SPREAD[name] for name in FEATURES}) for sign in (1, -1))
    coefficients = (
        MonotoneLogit()
        .fit([*_examples(informative="judge"), *_examples(informative="judge", kind="mistake")])
        .coefficients_
    )
    levels = (
        Level("a", "merit", 0.6, sure),
        Level("b", "merit", 0.4, unsure),
        Level("m", "mistake", -0.2, sure),
    )
    assert predict_shares([Example("set", "q", "en", "a", None, levels)], coefficients) == pytest.approx(
        [0.4], abs=0.05
    )
    assert predict_shares([Example("set", "q", "en", "settled", 0.0, ())], coefficients) == pytest.approx([0.0])


def test_a_version_names_one_fit() -> None:
    one, again, other = (
        MonotoneLogit(ridge=ridge).fit(_examples(informative="judge")).coefficients_ for ridge in (0.001, 0.001, 0.01)
    )
    assert one == again
    assert one.version != other.version


def test_a_missed_gate_caps_what_is_predicted() -> None:
    sure, unsure = (LevelSignals(**{name: 20 * sign * SPREAD[name] for name in FEATURES}) for sign in (1, -1))
    fitted = MonotoneLogit().fit(_examples(informative="judge")).coefficients_
    levels = (Level("a", "merit", 1.0, sure), Level("g", "gate", 0.3, unsure))
    met = (Level("a", "merit", 1.0, sure), Level("g", "gate", 0.3, sure))
    examples = [Example("set", "q", "en", "a", None, of_answer) for of_answer in (levels, met)]
    assert predict_shares(examples, fitted) == pytest.approx([0.3, 1.0], abs=0.02)


def test_nothing_to_fit_to_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to fit to"):
        MonotoneLogit().fit([])


def test_a_feature_that_not_all_examples_have_weighs_nothing() -> None:
    examples = _examples(informative="verifier")
    some = [*examples[:-1], _without_verifier(examples[-1])]
    fitted = MonotoneLogit().fit(some).coefficients_
    assert fitted.merit.weights["verifier"] == 0
    assert predict_shares(some, fitted) == pytest.approx(MonotoneLogit().fit(some).predict(some))
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
    prior = replace(MonotoneLogit().fit(_examples(informative="judge")).coefficients_, mistake=_OTHER)
    assert MonotoneLogit(prior=prior).fit(_examples(informative="term_recall")).coefficients_.mistake == _OTHER


_OTHER = MonotoneLogit().fit(_examples(informative="similarity_gain")).coefficients_.merit


def test_levels_are_predicted_for_each_example() -> None:
    fitted = MonotoneLogit(lapse_rate=0.1).fit(_examples(informative="judge")).coefficients_
    sure = LevelSignals(**{name: 20 * SPREAD[name] for name in FEATURES})
    levels = (Level("a", "merit", 0.6, sure), Level("b", "merit", 0.4, sure), Level("g", "gate", 0.3, sure))
    examples = [
        Example("set", "q", "en", name, None, of_answer)
        for name, of_answer in (("a", levels), ("b", ()), ("c", levels[:1]))
    ]
    first, none, last = predict_levels(examples, fitted)
    # Gates have no lapses.
    assert first == pytest.approx([0.9, 0.9, 1.0], abs=1e-3)
    assert (len(none), last) == (0, pytest.approx([0.9], abs=1e-3))


def test_another_lapse_rate_changes_only_merit() -> None:
    fitted = MonotoneLogit(ridge=0.01, features=("judge",)).fit(_examples(informative="judge"))
    other = fitted.with_lapse_rate(0.2)
    assert (other.ridge, other.features, other.lapse_rate) == (0.01, ("judge",), 0.2)
    assert other.coefficients_.merit == replace(fitted.coefficients_.merit, lapse_rate=0.2)
    assert other.coefficients_.mistake == fitted.coefficients_.mistake
    assert other.coefficients_.version != fitted.coefficients_.version


def test_a_question_s_own_weights_predict_it() -> None:
    general = MonotoneLogit().fit(_examples(informative="judge")).coefficients_
    of_question = MonotoneLogit().fit(_examples(informative="term_recall")).coefficients_
    both = replace(general, questions={"q0": of_question.general})
    examples = _examples(informative="judge", count=40)
    predicted = predict_shares(examples, both)
    for index, example in enumerate(examples):
        expected = of_question if example.question == "q0" else general
        assert predicted[index] == pytest.approx(predict_shares([example], expected)[0])
