"""One judge, three engines: what holds for all of them, shown on those that run without a GPU."""

from __future__ import annotations

import pytest

from vivavoce.graders import UnscoredReason
from vivavoce.graders.judge.prompt import PromptForm, number_sentences
from vivavoce.graders.judge.rubric_draft import draft_rubric
from vivavoce.graders.reading.normal_text import find_quote
from vivavoce.rubrics import Rubric, default_bank

from .conftest import Engine

pytestmark = [pytest.mark.judge, pytest.mark.timeout(900)]

GOOD = number_sentences(
    [
        "Quantization keeps the weights in INT8 or INT4 instead of FP16.",
        "So there is less to read from memory.",
        "It can be done after training with calibration samples, or during training.",
    ]
)
POOR = number_sentences(["I had soup for lunch.", "The weather was fine."])


def test_the_engine_says_what_it_is(engine: Engine) -> None:
    found = engine.open().describe()
    assert found.engine == engine.identity.engine
    assert found.context_tokens == 8192
    assert found.counts_tokens


def test_every_criterion_has_a_verdict_the_same_each_time(engine: Engine, rubric: Rubric) -> None:
    first = engine.open().judge([GOOD, POOR], rubric)
    second = engine.open().judge([POOR, GOOD], rubric)
    for found in first:
        assert found.failures == {}
        assert [len(levels) for levels in found.levels.values()] == [1, 2, 1, 1]
    for one, other in zip(first, reversed(second), strict=True):
        for name, levels in one.levels.items():
            for level, again in zip(levels, other.levels[name], strict=True):
                assert level.log_odds == pytest.approx(again.log_odds, abs=0.01)


def test_the_prefix_of_a_cohort_is_computed_once(engine: Engine, rubric: Rubric) -> None:
    judge = engine.open(PromptForm(context="full"), secret=b"cohort")
    calls = [call.usage for found in judge.judge([GOOD, POOR, f"{GOOD}\n[4] Twice."], rubric) for call in found.calls]
    assert sum(call.tokens_cached for call in calls) > 0.75 * sum(call.tokens_in for call in calls)
    assert {call.tokens_out for call in calls} == {1}


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.long)])
def test_a_whole_rubric_is_read_from_one_reply(engine: Engine, language: str) -> None:
    asked = default_bank().get("quantization", language)  # type: ignore[arg-type]
    (found,) = engine.open(PromptForm(scope="rubric")).judge([GOOD], asked)
    assert found.failures == {}
    assert set(found.levels) == {criterion.id for criterion in asked.criteria}
    assert len(found.calls) == 1


@pytest.mark.parametrize("language", ["zh", pytest.param("en", marks=pytest.mark.long)])
def test_an_explained_yes_quotes_the_answer_or_is_no_verdict(engine: Engine, language: str) -> None:
    # One criterion: without a GPU vLLM writes but a few words a second.
    asked = _first_criterion_of(default_bank().get("quantization", language))  # type: ignore[arg-type]
    (found,) = engine.open(PromptForm(mode="explained")).judge([GOOD], asked)
    said = GOOD.replace("\n", " ")
    for levels in found.levels.values():
        for level in levels:
            assert level.reason
            if level.log_odds > 0:
                assert any(find_quote(line.split("] ", 1)[1], level.quote) for line in GOOD.split("\n")) or find_quote(
                    said, level.quote
                )
    # A small judge may quote badly, lose itself or hedge; it is never out of reach here, and nothing is made up.
    assert {failure.reason for failure in found.failures.values()} <= {
        UnscoredReason.UNSUPPORTED_EVIDENCE,
        UnscoredReason.TRUNCATED,
        UnscoredReason.PARSE,
        UnscoredReason.REFUSED,
    }
    assert set(found.levels) | set(found.failures) == {criterion.id for criterion in asked.criteria}


def _first_criterion_of(rubric: Rubric) -> Rubric:
    first = rubric.criteria[0]
    points = [point.model_dump() for point in rubric.expected_points if point.criterion == first.id]
    return Rubric.model_validate({**rubric.model_dump(), "criteria": [first.model_dump()], "expected_points": points})


def test_an_answer_that_does_not_fit_is_too_long_and_the_next_is_judged(engine: Engine, rubric: Rubric) -> None:
    long, short = engine.open().judge([f"[1] {'memory ' * 8300}", POOR], rubric)
    assert {failure.reason for failure in long.failures.values()} == {UnscoredReason.TOO_LONG}
    assert short.failures == {}


@pytest.mark.long
def test_a_draft_has_the_points_that_the_judge_names(engine: Engine) -> None:
    question = default_bank().get("quantization", "en").question
    draft = draft_rubric(engine.open(), question, least=2, most=3)
    assert draft.status == "draft"
    assert 1 <= len(draft.criteria) <= 3
