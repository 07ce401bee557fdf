from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.errors import UnreadableGrades
from vivavoce.graders.scoring.coefficients import (
    FEATURES,
    CombinerWeights,
    Weights,
    default_coefficients,
    read_coefficients,
    write_coefficients,
)
from vivavoce.graders.scoring.confidence import ConfidenceWeights, UncertaintyFeatures
from vivavoce.graders.scoring.probabilities import (
    all_probabilities,
    compute_contributions,
    compute_score,
    level_probabilities,
)
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Language, Rubric, SignalWeights, default_bank
from vivavoce.rubrics.criteria import GateCriterion

COEFFICIENTS = default_coefficients()
OF_BANK = COEFFICIENTS.for_question("pruning")
EITHER = st.sampled_from([COEFFICIENTS.merit, COEFFICIENTS.mistake, OF_BANK.merit, OF_BANK.mistake])
SIGNALS = st.builds(
    LevelSignals,
    judge=st.floats(-14, 14),
    verifier=st.floats(-14, 14),
    similarity_gain=st.floats(-1, 1),
    term_recall=st.floats(0, 1),
    rouge1_recall=st.floats(0, 1),
)
NAMES = ("judge", "verifier", "embedding", "rouge")


def _signals(rubric: Rubric, value: float) -> dict[str, list[LevelSignals]]:
    level = LevelSignals(judge=value, verifier=value, similarity_gain=0.01 * value, term_recall=0.5, rouge1_recall=0.3)
    return {criterion.id: [level] * (len(criterion.levels) - 1) for criterion in rubric.criteria}


@given(st.lists(SIGNALS, min_size=1, max_size=5), EITHER)
def test_probabilities_of_levels_sum_to_one(signals: list[LevelSignals], weights: Weights) -> None:
    probabilities = level_probabilities(signals, weights)
    assert len(probabilities) == len(signals) + 1
    assert sum(probabilities) == pytest.approx(1)
    assert all(chance >= 0 for chance in probabilities)


@given(SIGNALS, st.sampled_from(FEATURES), st.floats(0, 2), EITHER)
def test_more_of_any_signal_never_lowers_the_probability(
    level: LevelSignals, name: str, more: float, weights: Weights
) -> None:
    raised = dataclasses.replace(level, **{name: getattr(level, name) + more})
    assert level_probabilities([raised], weights)[1] >= level_probabilities([level], weights)[1] - 1e-12


def test_a_higher_level_is_never_likelier_reached_than_a_lower_one() -> None:
    low, high = (
        LevelSignals(value, value, similarity_gain=0.02 * value, term_recall=0.5, rouge1_recall=0.3)
        for value in (-3, 5)
    )
    first, midscale, top = level_probabilities([low, high], COEFFICIENTS.merit)
    assert midscale == 0
    alone = [level_probabilities([level], COEFFICIENTS.merit)[1] for level in (low, high)]
    assert top == pytest.approx(sum(alone) / 2)
    assert first == pytest.approx(1 - top)


@pytest.mark.parametrize("value", [-3.0, 0.0, 3.0])
def test_contributions_sum_to_the_score(rubric: Rubric, value: float) -> None:
    signals = _signals(rubric, value)
    probabilities = all_probabilities(rubric, signals, COEFFICIENTS)
    parts = compute_contributions(rubric, signals, COEFFICIENTS)
    assert set(parts) == {"baseline", *NAMES}
    assert sum(parts.values()) == pytest.approx(compute_score(rubric, probabilities).score, abs=0.01)


def test_weights_by_hand_mix_what_each_signal_alone_says(rubric: Rubric) -> None:
    signals = _signals(rubric, 2.0)
    alone = {name: _chances(rubric, signals, SignalWeights(**{name: 1})) for name in ("judge", "embedding", "rouge")}
    assert alone["judge"] == pytest.approx(all_probabilities(rubric, signals, COEFFICIENTS, using=["judge"])["loss"][1])
    assert len(set(alone.values())) == 3
    mixed = _chances(rubric, signals, SignalWeights(judge=3, rouge=1))
    assert mixed == pytest.approx(0.75 * alone["judge"] + 0.25 * alone["rouge"])
    assert mixed == pytest.approx(_chances(rubric, signals, SignalWeights(judge=30, rouge=10)))


def _chances(rubric: Rubric, signals: dict[str, list[LevelSignals]], weights: SignalWeights) -> float:
    weighed = rubric.model_copy(update={"weights": weights})
    return all_probabilities(weighed, signals, COEFFICIENTS)["loss"][1]


@pytest.mark.parametrize("value", [-3.0, 3.0])
def test_contributions_follow_manual_weights(rubric: Rubric, value: float) -> None:
    weighed = rubric.model_copy(update={"weights": SignalWeights(judge=2, embedding=1)})
    signals = _signals(weighed, value)
    parts = compute_contributions(weighed, signals, COEFFICIENTS)
    score = compute_score(weighed, all_probabilities(weighed, signals, COEFFICIENTS)).score
    assert sum(parts.values()) == pytest.approx(score, abs=0.01)
    assert parts["rouge"] == 0
    assert parts["judge"] != 0


def test_what_a_grader_was_not_asked_stands_at_its_mean() -> None:
    level = LevelSignals(**OF_BANK.merit.means)
    unasked = dataclasses.replace(level, verifier=None)
    assert level_probabilities([unasked], OF_BANK.merit) == pytest.approx(level_probabilities([level], OF_BANK.merit))


def test_equal_weights_of_questions_are_written_once(tmp_path: Path) -> None:
    own_weights = CombinerWeights(
        merit=dataclasses.replace(COEFFICIENTS.merit, weights=dict.fromkeys(FEATURES, 0.0)),
        mistake=COEFFICIENTS.merit,
        confidence=ConfidenceWeights(intercept=1.0, score_sd=2.0, judge_gap=3.0, midscale=4.0),
    )
    some = dataclasses.replace(
        COEFFICIENTS,
        merit=dataclasses.replace(COEFFICIENTS.merit, weights={**COEFFICIENTS.merit.weights, "verifier": 1.0}),
        mistake=own_weights.merit,
        questions={"one": own_weights, "two": own_weights},
    )
    assert some.uses_signal("verifier", "elsewhere")
    nothing = CombinerWeights(own_weights.merit, own_weights.merit)
    assert not dataclasses.replace(some, questions={"one": nothing}).uses_signal("judge", "one")
    file = tmp_path / "coefficients.yaml"
    write_coefficients(file, some, origin="here")
    assert read_coefficients(file) == some
    assert file.read_text(encoding="utf-8").count("intercept") == 6


def test_coefficients_of_what_is_no_longer_looked_at_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "coefficients.yaml"
    write_coefficients(file, COEFFICIENTS, origin="here")
    file.write_text(
        file.read_text(encoding="utf-8").replace("    rouge1_recall:", "    likeness: 5.6\n    rouge1_recall:", 1),
        encoding="utf-8",
    )
    with pytest.raises(UnreadableGrades, match="weights of likeness"):
        read_coefficients(file)


def test_certain_levels_give_their_points_and_no_deviation(rubric: Rubric) -> None:
    best = {"lower": (0, 1), "methods": (0, 0, 1), "loss": (0, 1), "wrong": (1, 0)}
    assert compute_score(rubric, best).score == 10
    assert compute_score(rubric, best).deviation == 0
    assert compute_score(rubric, {**best, "wrong": (0, 1)}).score == 8
    assert compute_score(rubric, {**best, "methods": (0, 1, 0)}).score == 8


def test_lapses_bound_probabilities_but_not_of_gates() -> None:
    doubting = dataclasses.replace(COEFFICIENTS.merit, lapse_rate=0.2)
    certain = LevelSignals(judge=90, verifier=None, similarity_gain=1, term_recall=1, rouge1_recall=1)
    assert level_probabilities([certain], doubting)[1] == pytest.approx(0.8)
    assert level_probabilities([certain], doubting, manual_weights=SignalWeights(judge=1))[1] <= 0.8
    coefficients = dataclasses.replace(COEFFICIENTS, merit=doubting, questions={})
    gate = GateCriterion(id="g", kind="gate", title="t", statement="s", cap=0.3)
    assert coefficients.for_criterion(gate, default_bank().get("pruning", "en").question).lapse_rate == 0


def test_chinese_offsets_ask_more_of_the_judge() -> None:
    easy = dataclasses.replace(OF_BANK.merit, zh_offsets={"judge": 0.7})
    level = LevelSignals(judge=1.0, verifier=0.5, similarity_gain=0.02, term_recall=0.1, rouge1_recall=0.3)
    surer = dataclasses.replace(level, judge=1.7)
    assert level_probabilities([surer], easy.for_language("zh")) == pytest.approx(level_probabilities([level], easy))
    silent = level_probabilities([level], easy.for_language("zh"), using=["rouge"])
    assert silent == pytest.approx(level_probabilities([level], easy, using=["rouge"]))
    assert easy.for_language("en") == easy


def test_a_score_never_falls_below_zero(rubric: Rubric) -> None:
    worst = {"lower": (1, 0), "methods": (1, 0, 0), "loss": (1, 0), "wrong": (0, 1)}
    assert compute_score(rubric, worst).score == 0


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("reached", "score"),
    [
        ({"redundancy", "monitoring"}, 4.5),
        ({"redundancy", "monitoring", "checkpoint-resume"}, 5.0),
        ({"redundancy", "monitoring", "checkpoint-resume", "failover", "fails-over"}, 10.0),
        ({"checkpoint-resume", "failover", "fails-over"}, 5.5),
    ],
)
def test_a_gate_that_is_not_met_caps_the_score(language: Language, reached: set[str], score: float) -> None:
    rubric = default_bank().get("high-availability", language)
    probabilities = {c.id: (0.0, 1.0) if c.id in reached else (1.0, 0.0) for c in rubric.criteria}
    assert compute_score(rubric, probabilities).score == pytest.approx(score)


@pytest.mark.parametrize(("loss", "score"), [((1.0, 0.0), 4.0), ((0.0, 1.0), 5.0)])
def test_a_cap_bounds_the_share_of_points(rubric: Rubric, loss: tuple[float, float], score: float) -> None:
    data = rubric.model_dump(mode="json")
    data["criteria"].append({"id": "gate", "kind": "gate", "title": "t", "statement": "s", "cap": 0.5})
    middling = {"lower": (0, 1), "methods": (1, 0, 0), "loss": loss, "wrong": (1, 0), "gate": (1, 0)}
    assert compute_score(Rubric.model_validate(data), middling).score == pytest.approx(score)


def test_coefficients_are_not_sure_of_anything_before_that_is_fitted() -> None:
    unfitted = CombinerWeights(OF_BANK.merit, OF_BANK.mistake)
    with pytest.raises(ValueError, match="no confidence yet"):
        unfitted.confidence_in(UncertaintyFeatures(score_sd=0.1, judge_gap=0.1, midscale=0.5))
