from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vivavoce.evaluation.benchmarks.judge_benchmark import (
    JudgeFigures,
    Round,
    count_tokens,
    make_answers,
    measure_judge,
    measure_spread,
    score_verdicts,
)
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.types import LevelVerdict
from vivavoce.rubrics import Rubric, default_bank


@pytest.mark.parametrize("language", ["en", "zh"])
def test_answers_differ_and_follow_from_the_seed(language: Any) -> None:
    rubric = default_bank().get("retrieval", language)
    answers = make_answers(rubric, count=40, seed=7)
    assert len(set(answers)) == 40
    assert make_answers(rubric, count=10, seed=7) == answers[:10]
    assert make_answers(rubric, count=40, seed=8) != answers
    # Three to five numbered sentences.
    assert {len(re.findall(r"^\[?\d+", answer, re.MULTILINE)) for answer in answers} == {3, 4, 5}


def test_a_short_key_gives_shorter_answers(rubric: Rubric) -> None:
    short = rubric.model_copy(
        update={"references": rubric.references[:1], "expected_points": rubric.expected_points[:1]}
    )
    assert len(make_answers(short, count=2, seed=1)) == 2


def _verdicts(*log_odds: float, baseline: float = 0.0, usages: Any = ()) -> AnswerVerdicts:
    levels = {"lower": tuple(LevelVerdict(value, baseline) for value in log_odds)}
    calls = [SimpleNamespace(usage=SimpleNamespace(tokens_in=a, tokens_cached=b, tokens_out=c)) for a, b, c in usages]
    return AnswerVerdicts(levels=levels, failures={}, votes={}, calls=cast(Any, tuple(calls)))


def test_tokens_are_counted_per_answer() -> None:
    cohort = [_verdicts(usages=[(100, 80, 1), (100, 90, 1)]), _verdicts(usages=[(200, 130, 2)])]
    assert count_tokens(cohort) == {
        "prompts_an_answer": 1.5,
        "tokens_sent": 200,
        "tokens_cached": 150,
        "tokens_generated": 2,
        "cached_share": 0.75,
    }


def test_a_server_that_counts_no_tokens_has_no_cached_share() -> None:
    assert count_tokens([_verdicts(usages=[(0, 0, 0)])])["cached_share"] == 0


@pytest.mark.parametrize(
    ("runs", "spread"),
    [([[5.0, 2.0]], 0), ([[5.0, 2.0], [5.0, 2.5]], 0.5), ([[1.0], [3.0], [2.0]], 2), ([], 0), ([[], []], 0)],
)
def test_the_spread_is_the_largest_of_any_answer(runs: list[list[float]], spread: float) -> None:
    assert measure_spread(runs) == spread


def test_runs_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="longer than"):
        measure_spread([[1.0], [1.0, 2.0]])


def test_the_score_rises_with_the_judge_alone(rubric: Rubric) -> None:
    scores = [score_verdicts(_verdicts(log_odds), rubric) for log_odds in (-4.0, 0.0, 4.0)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < scores[-1] <= 10
    # What counts is the difference from the content-free answer.
    assert score_verdicts(_verdicts(3.0, baseline=3.0), rubric) == scores[1]


def test_the_throughput_ratio_is_the_median_round() -> None:
    rounds = (Round(9.0, 10.0), Round(5.0, 10.0), Round(9.9, 9.0))
    fields: dict[str, Any] = dict.fromkeys(JudgeFigures.__dataclass_fields__, 0)
    assert JudgeFigures(**{**fields, "rounds": rounds}).throughput_ratio == 0.9


class _SeveralServers:
    urls = ("http://a", "http://b")

    def __enter__(self) -> _SeveralServers:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_only_one_server_is_measured(rubric: Rubric) -> None:
    open_judge = cast(Any, lambda secret: _SeveralServers())
    with pytest.raises(EvaluationError, match="VIVA_JUDGE_URL names several servers"):
        measure_judge(open_judge, rubric, answers=2, repeats=1, batch_sizes=[1], rounds=1)
