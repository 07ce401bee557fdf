from __future__ import annotations

import math

import pytest

from vivavoce.evaluation.prompt_forms.comparison import compare_forms
from vivavoce.evaluation.prompt_forms.outcomes import Outcome


def _outcomes(form: str, *judged: float | None, dataset: str = "one", tokens: float = 10.0) -> list[Outcome]:
    """Answers whose grades rise evenly from 0 to 1."""
    return [
        Outcome(
            form=form,
            dataset=dataset,
            answer=str(index),
            human=index / (len(judged) - 1),
            judged=value,
            failure=None if value is not None else "parse",
            tokens_in=tokens,
            tokens_cached=tokens / 2,
            tokens_out=1.0,
        )
        for index, value in enumerate(judged)
    ]


def test_agreement_is_the_mean_over_data_sets() -> None:
    outcomes = [*_outcomes("fast", 0.0, 0.5, 1.0), *_outcomes("fast", 1.0, 0.5, 0.0, dataset="two")]
    (row,) = compare_forms(outcomes, seed=1)
    assert row.by_dataset == {"one": pytest.approx(1), "two": pytest.approx(-1)}
    assert (row.pearson, row.spearman) == (pytest.approx(0), pytest.approx(0))
    assert (row.answers, row.failed, row.over_first) == (6, 0, None)


def test_failed_answers_are_counted_and_left_out() -> None:
    (row,) = compare_forms(_outcomes("fast", 0.0, None, 0.5, 1.0), seed=1)
    assert (row.answers, row.failed) == (4, 1)
    assert row.pearson > 0.98


def test_a_form_that_never_answers_has_no_agreement() -> None:
    first, second = compare_forms([*_outcomes("fast", 0.0, 1.0), *_outcomes("slow", None, None)], seed=1)
    assert math.isnan(second.pearson)
    assert (second.by_dataset, second.over_first) == ({}, None)
    assert first.failed == 0


def test_tokens_are_per_answer() -> None:
    outcomes = [*_outcomes("fast", 0.0, 1.0, tokens=10), *_outcomes("fast", 0.0, 1.0, dataset="two", tokens=30)]
    (row,) = compare_forms(outcomes, seed=1)
    assert (row.tokens_in, row.tokens_cached, row.tokens_out) == (20, 10, 1)


def test_rows_keep_the_order_of_the_run() -> None:
    outcomes = [*_outcomes("b", 0.0, 1.0), *_outcomes("a", 0.0, 1.0), *_outcomes("b", 0.0, 1.0, dataset="two")]
    assert [row.form for row in compare_forms(outcomes, seed=1)] == ["b", "a"]
    assert compare_forms([], seed=1) == []


def test_a_better_form_is_ahead_in_the_whole_interval() -> None:
    noisy = [0.9, 0.1, 0.6, 0.2, 0.8, 0.3, 0.7, 0.5, 0.4, 0.6, 0.2, 0.9]
    exact = [index / (len(noisy) - 1) for index in range(len(noisy))]
    _, better = compare_forms([*_outcomes("fast", *noisy), *_outcomes("slow", *exact)], seed=1)
    assert better.over_first
    assert 0 < better.over_first[0] < better.over_first[1]
    _, same = compare_forms([*_outcomes("fast", *noisy), *_outcomes("slow", *noisy)], seed=1)
    assert same.over_first == (0, 0)


def test_only_answers_that_both_judged_are_compared() -> None:
    first = _outcomes("fast", 0.1, 0.2, 0.9, None, None)
    second = _outcomes("slow", None, None, None, 0.2, 0.9)
    # No answer has a verdict in both forms.
    assert compare_forms([*first, *second], seed=1)[1].over_first is None
