from __future__ import annotations

import math
from typing import Any

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.prompt import load_template
from vivavoce.graders.judge.verdict import read_verdict

EN, ZH = load_template("en"), load_template("zh")


def _reply(*tops: tuple[str, float]) -> dict[str, Any]:
    listed = [{"token": token, "logprob": logprob} for token, logprob in tops]
    return {"choices": [{"logprobs": {"content": [{"top_logprobs": listed}]}}]}


def test_spellings_of_a_label_add_up() -> None:
    found = read_verdict(_reply(("Yes", math.log(0.5)), (" yes", math.log(0.2)), ("No", math.log(0.3))), EN, seconds=0)
    assert found.log_odds == pytest.approx(math.log(0.7 / 0.3))
    assert found.mass == pytest.approx(1)


def test_chinese_labels_are_read() -> None:
    assert read_verdict(_reply(("是", math.log(0.9)), ("否", math.log(0.1))), ZH, seconds=0).log_odds > 2


@pytest.mark.parametrize(
    "reply",
    [
        None, [], "Yes", {}, {"choices": []}, {"choices": [{"message": {"content": "Yes"}}]},
        {"choices": [{"logprobs": None}]}, {"choices": [{"logprobs": {"content": []}}]},
        _reply(), _reply(("Yes", math.nan)), _reply(("Yes", 5.0)),
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "Yes", "logprob": "high"}]}]}}]},
        _reply(("Yes", -0.01), ("No", -0.01)),
    ],
)  # fmt: skip
def test_what_is_no_distribution_is_a_parse_failure(reply: Any) -> None:
    with pytest.raises(JudgeFailure) as error:
        read_verdict(reply, EN, seconds=0)
    assert error.value.reason is UnscoredReason.PARSE


@pytest.mark.parametrize("token", ["10", "11/10", "Maybe", "是", "", "\n", "Yes and no"])
def test_weight_on_anything_else_is_a_refusal_not_a_verdict(token: str) -> None:
    with pytest.raises(JudgeFailure) as error:
        read_verdict(_reply((token, math.log(0.9)), ("Yes", math.log(0.1))), EN, seconds=0)
    assert error.value.reason is UnscoredReason.REFUSED
