from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.rubrics import Rubric, cap_share, list_caps, total_share


@pytest.fixture
def gated(rubric: Rubric) -> Rubric:
    """The rubric of 10 points with two gates, at half and at a fifth of the maximum."""
    data = rubric.model_dump(mode="json")
    for name, cap in (("runs", 0.5), ("on-topic", 0.2)):
        data["criteria"].append({"id": name, "kind": "gate", "title": "t", "statement": "s", "cap": cap})
    return Rubric.model_validate(data)


@pytest.mark.parametrize(
    ("points", "runs", "on_topic", "share"),
    [
        (4.0, 0.0, 1.0, 0.4),
        (6.0, 0.0, 1.0, 0.5),
        (6.0, 1.0, 1.0, 0.6),
        (6.0, 0.0, 0.0, 0.2),
        (1.0, 0.0, 0.0, 0.1),
        (6.0, 0.5, 1.0, 0.55),
        (6.0, 0.5, 0.5, 0.375),
        (4.0, 0.5, 1.0, 0.4),
        (-3.0, 0.0, 1.0, 0.0),
        (12.0, 1.0, 1.0, 1.0),
    ],
)
def test_an_answer_that_misses_a_gate_gets_at_most_the_cap(
    gated: Rubric, points: float, runs: float, on_topic: float, share: float
) -> None:
    total = total_share(gated, {"lower": points}, {"runs": runs, "on-topic": on_topic})
    assert total.share == pytest.approx(share)


def test_a_gate_that_nobody_judged_caps_nothing(gated: Rubric) -> None:
    assert total_share(gated, {"lower": 4.0, "loss": 2.0}, {}).share == pytest.approx(0.6)


def test_one_of_the_caps_holds_and_the_lowest_first() -> None:
    caps = list_caps([(0.5, 0.75), (0.2, 0.5)])
    assert [(cap.share, pytest.approx(cap.probability)) for cap in caps] == [(0.2, 0.5), (0.5, 0.125), (1.0, 0.375)]
    assert [(cap.share, cap.probability) for cap in list_caps([])] == [(1.0, 1.0)]


def test_the_deviation_is_that_of_points_and_gates_together() -> None:
    assert cap_share(0.6, [], deviation=0.1).deviation == pytest.approx(0.1)
    assert cap_share(0.6, [(0.5, 0.0)], deviation=0.1).deviation == pytest.approx(0.0)
    assert cap_share(0.4, [(0.5, 0.0)], deviation=0.1).deviation == pytest.approx(0.1)
    # Half of the time .6 with a deviation of .1, half of the time .2: variance .01 / 2 + .04.
    assert cap_share(0.6, [(0.2, 0.5)], deviation=0.1).deviation == pytest.approx(0.045**0.5)


PROBABILITY = st.floats(0, 1)
GATES = st.lists(st.tuples(st.floats(0, 0.99), PROBABILITY), max_size=4)


@given(GATES)
def test_probabilities_of_caps_sum_to_one(gates: list[tuple[float, float]]) -> None:
    caps = list_caps(gates)
    assert sum(cap.probability for cap in caps) == pytest.approx(1)
    assert [cap.share for cap in caps] == sorted(cap.share for cap in caps)
    assert len(caps) == len(gates) + 1


@given(st.floats(-2, 3), GATES, st.floats(0, 0.5))
def test_gates_only_take_away(share: float, gates: list[tuple[float, float]], deviation: float) -> None:
    clipped = min(max(share, 0), 1)
    capped = cap_share(share, gates, deviation=deviation)
    lowest = min([clipped, *(cap for cap, _ in gates)])
    assert lowest - 1e-9 <= capped.share <= clipped + 1e-9
    assert capped.deviation >= 0


@given(st.floats(0, 1), GATES, st.integers(0, 3))
def test_a_likelier_gate_never_lowers_the_share(share: float, gates: list[tuple[float, float]], index: int) -> None:
    surer = [(cap, 1.0 if number == index else met) for number, (cap, met) in enumerate(gates)]
    assert cap_share(share, surer).share >= cap_share(share, gates).share - 1e-9


def test_gates_that_are_certainly_met_change_nothing() -> None:
    assert cap_share(0.7, [(0.1, 1.0), (0.5, 1.0)], deviation=0.2) == cap_share(0.7, [], deviation=0.2)


def test_the_deviation_is_a_share_of_the_maximum(gated: Rubric) -> None:
    assert total_share(gated, {"lower": 4.0}, {}, deviation=1.5).deviation == pytest.approx(0.15)


def test_mistakes_take_from_other_points(gated: Rubric) -> None:
    assert total_share(gated, {"lower": 4.0, "wrong": -2.0}, {}).share == pytest.approx(0.2)
    assert total_share(gated, {}, {"runs": 0.0}).share == 0
