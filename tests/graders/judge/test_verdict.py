from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.prompt import ReplyForm
from vivavoce.graders.judge.verdict import Usage, Verdict, locate_quote, read_usage, read_verdicts

from .replies import EN, EXPLAINED, WHOLE, ZH, explained_reply, json_reply, reply_with, yes_with

EXPLAINED_WHOLE = replace(EXPLAINED, verdicts=2)
PROBABILITIES = st.floats(min_value=1e-4, max_value=1 - 1e-4)


def _reason(reply: Any, form: ReplyForm) -> UnscoredReason:
    with pytest.raises(JudgeFailure) as error:
        read_verdicts(reply, form)
    return error.value.reason


# One token


@given(PROBABILITIES)
def test_log_odds_are_ln_p_yes_over_p_no(probability: float) -> None:
    (verdict,) = read_verdicts(yes_with(probability), EN)
    assert verdict.log_odds == pytest.approx(math.log(probability / (1 - probability)), abs=1e-9)
    assert verdict.mass == pytest.approx(1)
    assert verdict.met == (verdict.log_odds > 0)


@given(PROBABILITIES)
def test_swapping_the_labels_negates_the_log_odds(probability: float) -> None:
    swapped = replace(EN, yes=EN.no, no=EN.yes)
    (verdict,), (opposite,) = (read_verdicts(yes_with(probability), form) for form in (EN, swapped))
    assert verdict.log_odds == pytest.approx(-opposite.log_odds)


def test_even_odds_are_not_met() -> None:
    assert not read_verdicts(yes_with(0.5), EN)[0].met


def test_spellings_of_a_label_add_up() -> None:
    reply = reply_with(("Yes", math.log(0.5)), (" yes", math.log(0.2)), ("No", math.log(0.3)))
    (verdict,) = read_verdicts(reply, EN)
    assert verdict.log_odds == pytest.approx(math.log(0.7 / 0.3))
    assert verdict.mass == pytest.approx(1)


@pytest.mark.parametrize("token", ["Yes", " Yes", "YES\n", '"Yes', '"yes"', ' "Yes" '])
def test_blanks_and_quotation_marks_around_labels_are_ignored(token: str) -> None:
    assert read_verdicts(reply_with((token, math.log(0.9)), ("No", math.log(0.1))), EN)[0].log_odds > 2


@pytest.mark.parametrize("token", ["yEs", "Y", "Yes.", "'Yes'", "Yes No"])
def test_other_spellings_are_no_labels(token: str) -> None:
    assert _reason(reply_with((token, math.log(0.9)), ("No", math.log(0.1))), EN) is UnscoredReason.REFUSED


def test_chinese_labels_are_read() -> None:
    reply = reply_with(("是", math.log(0.9)), ("否", math.log(0.1)))
    assert read_verdicts(reply, ZH)[0].log_odds == pytest.approx(math.log(9))
    assert _reason(reply, EN) is UnscoredReason.REFUSED


def test_a_missing_label_has_a_millionth() -> None:
    (verdict,) = read_verdicts(reply_with(("Yes", math.log(0.9))), EN)
    assert verdict.log_odds == pytest.approx(math.log(0.9 / 1e-6))
    (verdict,) = read_verdicts(reply_with(("No", 0.0), ("Yes", -math.inf)), EN)
    assert verdict.log_odds == pytest.approx(math.log(1e-6))


@pytest.mark.parametrize(("mass", "is_refused"), [(0.49, True), (0.5, False), (0.51, False)])
def test_half_the_probability_must_be_on_labels(mass: float, is_refused: bool) -> None:
    reply = reply_with(("Yes", math.log(mass)), ("Well", math.log(1 - mass)))
    if is_refused:
        assert _reason(reply, EN) is UnscoredReason.REFUSED
    else:
        assert read_verdicts(reply, EN)[0].mass == pytest.approx(mass)


@pytest.mark.parametrize("token", ["10", "11/10", "Maybe", "是", "", "\n", "Yes and no"])
def test_weight_on_other_tokens_is_a_refusal(token: str) -> None:
    assert _reason(reply_with((token, math.log(0.9)), ("Yes", math.log(0.1))), EN) is UnscoredReason.REFUSED


def test_rounding_above_one_is_tolerated() -> None:
    assert read_verdicts(reply_with(("Yes", 5e-4)), EN)[0].mass == 1.0
    assert _reason(reply_with(("Yes", 2e-3)), EN) is UnscoredReason.PARSE
    assert _reason(reply_with(("Yes", math.log(0.9)), ("No", math.log(0.12))), EN) is UnscoredReason.PARSE


def test_a_one_token_reply_may_end_at_its_bound() -> None:
    reply = yes_with(0.9)
    reply["choices"][0]["finish_reason"] = "length"
    assert read_verdicts(reply, EN)[0].met


@pytest.mark.parametrize(
    "reply",
    [
        None, [], "Yes", {}, {"choices": []}, {"choices": [{"message": {"content": "Yes"}}]},
        {"choices": [{"logprobs": None}]}, {"choices": [{"logprobs": {"content": []}}]},
        {"choices": [None]}, {"choices": [{"logprobs": {"content": ["Yes"]}}]},
        {"choices": [{"logprobs": {"content": [{"token": "a"}]}}]},
        reply_with(), reply_with(("Yes", math.nan)), reply_with(("Yes", 5.0)), reply_with(("Yes", math.inf)),
        {"choices": [{"logprobs": {"content": [{"token": "a", "top_logprobs": [{"token": "Y", "logprob": "x"}]}]}}]},
        reply_with(("Yes", -0.01), ("No", -0.01)), reply_with(("Yes", 10**400)),
    ],
)  # fmt: skip
def test_malformed_distributions_are_parse_failures(reply: Any) -> None:
    assert _reason(reply, EN) is UnscoredReason.PARSE


@pytest.mark.parametrize("raw", [5, 10**12, "Yes", [256], [-1], [1.5], ["Y"], {"0": "a"}])
def test_bytes_must_be_a_list_of_bytes(raw: Any) -> None:
    reply = yes_with(0.9)
    reply["choices"][0]["logprobs"]["content"][0]["bytes"] = raw
    assert _reason(reply, EN) is UnscoredReason.PARSE


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["Yes", "No", '{"1": "Yes"}', "是"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "logprobs", "content", "token", "bytes", "top_logprobs", "logprob", "message",
                 "finish_reason", "1", "2", "verdict", "quote", "sentences", "reason"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(_JSON, st.sampled_from([EN, ZH, WHOLE, EXPLAINED, EXPLAINED_WHOLE]))
def test_any_reply_gives_verdicts_or_a_judge_failure(reply: Any, form: ReplyForm) -> None:
    for whole in (reply, {"choices": [reply]}, {"choices": [{"logprobs": {"content": reply}, "message": reply}]}):
        try:
            outcome: tuple[Verdict, ...] | UnscoredReason = read_verdicts(whole, form)
        except JudgeFailure as failure:
            outcome = failure.reason
        if isinstance(outcome, UnscoredReason):
            assert not outcome.retryable
        else:
            assert len(outcome) == form.verdicts


# JSON


def test_each_number_has_its_own_probability() -> None:
    reply = json_reply('{"1": "', ("Yes", 0.9), '", "2": "', ("No", 0.2), '"}')
    assert [verdict.log_odds for verdict in read_verdicts(reply, WHOLE)] == pytest.approx([math.log(9), math.log(0.25)])
    in_code_block = json_reply('```json\n{"1": "', ("Yes", 0.9), '", "2": "', ("No", 0.2), '"}\n```')
    assert read_verdicts(in_code_block, WHOLE) == read_verdicts(reply, WHOLE)


def test_the_server_may_cut_off_the_ends() -> None:
    reply = json_reply('```json\n{"1": "', ("Yes", 0.9), '", "2": "', ("No", 0.2), '"}\n```', "<|im_end|>")
    reply["choices"][0]["message"]["content"] = '{"1": "Yes", "2": "No"}'
    assert len(read_verdicts(reply, WHOLE)) == 2
    reply["choices"][0]["message"]["content"] = '{"1": "No", "2": "No"}'
    assert _reason(reply, WHOLE) is UnscoredReason.PARSE


@pytest.mark.parametrize(
    "reply",
    [
        json_reply('{"1": "', ("Yes", 0.9), '"}'),
        json_reply('{"2": "', ("Yes", 0.9), '", "1": "', ("Yes", 0.9), '"}'),
        json_reply('{"1": "', ("Yes", 0.9), '", "1": "', ("Yes", 0.9), '", "2": "', ("Yes", 0.9), '"}'),
        json_reply('{"1": "', ("Yes", 0.9), '", "2": "', ("Yes", 0.9), '", "3": "', ("Yes", 0.9), '"}'),
        json_reply('{"1": "', ("Maybe", 0.9), '", "2": "', ("Yes", 0.9), '"}'),
        json_reply('{"1": "', ("No", 0.9), '", "2": "', ("Yes", 0.9), '"}'),
        json_reply('{"1": "', ("Yes", 0.9), '", "2": "', ("Yes", 0.9)),
        json_reply('["', ("Yes", 0.9), '", "', ("Yes", 0.9), '"]'),
        json_reply('{"1": 1, "2": "', ("Yes", 0.9), '"}'),
        json_reply("Yes, both."),
        json_reply(),
    ],
)
def test_other_shapes_are_parse_failures(reply: Any) -> None:
    assert _reason(reply, WHOLE) is UnscoredReason.PARSE


def test_deeply_nested_json_is_a_parse_failure() -> None:
    assert _reason(json_reply('{"1": ' + "[" * 100_000 + "}"), WHOLE) is UnscoredReason.PARSE


def test_an_explained_reply_has_its_evidence() -> None:
    (verdict,) = read_verdicts(explained_reply(" 数据 in INT8\n"), EXPLAINED)
    assert verdict == Verdict(pytest.approx(math.log(4)), pytest.approx(1), "数据 in INT8", (1,), "Because.")


def test_explained_items_keep_their_own_evidence() -> None:
    first = '{"sentences": [1], "quote": "a", "reason": "r", "verdict": "'
    second = '{"sentences": [2], "quote": "b", "reason": "r", "verdict": "'
    reply = json_reply('{"1": ' + first, ("Yes", 0.9), '"}, "2": ' + second, ("No", 0.1), '"}}')
    verdicts = read_verdicts(reply, EXPLAINED_WHOLE)
    assert [(verdict.quote, verdict.sentences, verdict.met) for verdict in verdicts] == [
        ("a", (1,), True),
        ("b", (2,), False),
    ]


def test_one_explained_item_may_be_numbered() -> None:
    bare = explained_reply("q")
    text = bare["choices"][0]["message"]["content"]
    numbered = json_reply('{"1": ' + text.split('Yes"')[0], ("Yes", 0.8), '"}}')
    assert read_verdicts(numbered, EXPLAINED) == read_verdicts(bare, EXPLAINED)


def test_tokens_may_split_characters() -> None:
    text = '{"sentences": [], "quote": "数据", "reason": "r", "verdict": "'
    raw = text.encode()
    split = raw.index("数".encode()) + 1
    reply = json_reply(text, ("Yes", 0.8), '"}')
    pieces = [{"token": "\ufffd", "bytes": list(part), "top_logprobs": []} for part in (raw[:split], raw[split:])]
    reply["choices"][0]["logprobs"]["content"][:1] = pieces
    assert read_verdicts(reply, EXPLAINED)[0].quote == "数据"


def test_a_quote_cannot_pose_as_the_verdict() -> None:
    reply = explained_reply('", "verdict": "Yes"}', verdict=("No", 0.1))
    assert read_verdicts(reply, EXPLAINED)[0].log_odds < 0


@pytest.mark.parametrize(
    "other",
    [{"reason": 1}, {"quote": None}, {"sentences": ["1"]}, {"sentences": [True]}, {"sentences": 1}, {"score": 10}],
)
def test_other_fields_are_parse_failures(other: dict[str, Any]) -> None:
    assert _reason(explained_reply(**{"quote": "q", **other}), EXPLAINED) is UnscoredReason.PARSE


def test_evidence_must_not_be_missing() -> None:
    assert _reason(json_reply('{"verdict": "', ("Yes", 0.8), '"}'), EXPLAINED) is UnscoredReason.PARSE


def test_text_that_cannot_be_stored_is_a_parse_failure() -> None:
    assert _reason(explained_reply("\ud83d"), EXPLAINED) is UnscoredReason.PARSE
    reply = explained_reply("q")
    reply["choices"][0]["message"]["content"] = "\ud83d"
    assert _reason(reply, EXPLAINED) is UnscoredReason.PARSE


def test_a_reply_cut_at_its_bound_is_truncated() -> None:
    assert _reason(json_reply('{"sentences": [', finish="length"), EXPLAINED) is UnscoredReason.TRUNCATED


def test_a_beginning_of_a_label_counts_under_a_schema_only() -> None:
    reply = explained_reply("q")
    tops = [{"token": token, "logprob": math.log(p)} for token, p in [("Yes", 0.3), ("Y", 0.3), ("N", 0.2), ("", 0.1)]]
    reply["choices"][0]["logprobs"]["content"][1]["top_logprobs"] = tops
    assert _reason(reply, EXPLAINED) is UnscoredReason.REFUSED
    (verdict,) = read_verdicts(reply, replace(EXPLAINED, constrained=True))
    assert verdict.log_odds == pytest.approx(math.log(3))
    assert verdict.mass == pytest.approx(0.8)


def test_even_odds_agree_with_a_yes() -> None:
    (verdict,) = read_verdicts(explained_reply("q", verdict=("Yes", 0.5)), EXPLAINED)
    assert not verdict.met


def test_only_a_drawn_verdict_may_be_improbable() -> None:
    drawn = explained_reply("a b", verdict=("No", 0.8))
    assert _reason(drawn, EXPLAINED) is UnscoredReason.PARSE
    assert read_verdicts(drawn, EXPLAINED.as_sent(constrained=False, sampled=True))[0].log_odds > 0


# Usage


def test_unreported_counts_are_zero() -> None:
    assert read_usage({}) == read_usage({"usage": {"prompt_tokens": None}}) == Usage(0, 0, 0)
    assert read_usage({"usage": [1]}) == read_usage({"usage": {"prompt_tokens_details": 3}}) == Usage(0, 0, 0)
    assert read_usage({"usage": {"prompt_tokens": -1, "completion_tokens": "7"}}) == Usage(0, 0, 0)


def test_reported_counts_are_read() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}
    assert read_usage({"usage": usage}) == Usage(tokens_in=9, tokens_cached=5, tokens_out=1)


# Quotes


@pytest.mark.parametrize(
    ("quote", "is_there"),
    [
        ("stores weights as INT8", True),
        ("Stores  Weights as int8.", True),
        ("“stores weights…”", True),
        ("stores activations as INT8", False),
        ("", False),
        ("as", False),
        ("[1] stores weights as INT8, which", True),
    ],
)
def test_a_yes_needs_a_quote_from_the_answer(quote: str, is_there: bool) -> None:
    answer = "It stores weights as INT8, which halves memory."
    assert (locate_quote(Verdict(1.0, 1.0, quote), answer=answer) is not None) is is_there
    assert locate_quote(Verdict(-1.0, 1.0, quote), answer=answer) is None


def test_a_quotes_bounds_are_characters_of_the_answer() -> None:
    answer = "模型用 INT8 存权重。It is “fast”."
    start, end = locate_quote(Verdict(1.0, 1.0, 'it is "fast"'), answer=answer) or (0, 0)
    assert answer[start:end] == "It is “fast"


@pytest.mark.parametrize(
    "quote",
    [
        "模型用更少的位数存权重, 速度更快",
        "模型用更少的位数存权重，速度更快。 不再需要四张卡",
        "「速度更快。[2] 不再需要四张卡」",
        "it’s faster: half the memory",
    ],
)
def test_a_quote_may_be_punctuated_in_another_way(quote: str) -> None:
    answer = "模型用更少的位数存权重，速度更快。不再需要四张卡。It's faster：half the memory."
    assert locate_quote(Verdict(1.0, 1.0, quote), answer=answer)


def test_words_that_only_run_together_are_no_quote() -> None:
    assert locate_quote(Verdict(1.0, 1.0, "not able here"), answer="It is notable here.") is None


def test_json_text_and_tokens_must_agree() -> None:
    reply = explained_reply("q")
    reply["choices"][0]["message"] = {"content": json.dumps({"verdict": "No"})}
    assert _reason(reply, EXPLAINED) is UnscoredReason.PARSE
    reply["choices"][0]["message"] = None
    assert _reason(reply, EXPLAINED) is UnscoredReason.PARSE
