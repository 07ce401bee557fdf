from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders import JudgeFailure
from vivavoce.graders.judge.call_record import InMemoryVerdictCache, Prices, verdict_key
from vivavoce.graders.judge.prompt import load_template
from vivavoce.graders.judge.verdict import Usage

from .replies import EN, EXPLAINED, IDENTITY, call_record, explained_reply, yes_with

REQUEST = {"model": "model", "messages": [{"role": "user", "content": "量化 nonce1 x nonce1"}]}
TEMPLATE = load_template("en")
COUNTS = st.integers(min_value=0, max_value=10**6)


# Costs


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(tokens_in=1_000_000, tokens_cached=0, tokens_out=0), 3.0),
        (Usage(tokens_in=1_000_000, tokens_cached=1_000_000, tokens_out=0), 0.5),
        (Usage(tokens_in=0, tokens_cached=0, tokens_out=1_000_000), 7.0),
        (Usage(tokens_in=100, tokens_cached=40, tokens_out=2), (60 * 3.0 + 40 * 0.5 + 2 * 7.0) / 1e6),
        (Usage(0, 0, 0), 0.0),
    ],
)
def test_a_cost_is_a_price_per_million_tokens(usage: Usage, cost: float) -> None:
    assert Prices(prompt=3.0, cached=0.5, completion=7.0).cost_of(usage) == pytest.approx(cost)


@given(COUNTS, COUNTS, COUNTS)
def test_no_usage_costs_less_than_nothing(tokens_in: int, cached: int, tokens_out: int) -> None:
    usage = Usage(tokens_in, cached, tokens_out)
    assert Prices(prompt=1.0, completion=1.0).cost_of(usage) >= tokens_out / 1e6
    assert Prices().cost_of(usage) == 0


# Records


def test_a_record_gives_its_verdicts_again() -> None:
    (verdict,) = call_record(yes_with(0.8)).read_verdicts()
    assert verdict.log_odds == pytest.approx(math.log(4))
    (verdict,) = call_record(explained_reply("q"), EXPLAINED).read_verdicts()
    assert (verdict.quote, verdict.reason) == ("q", "Because.")


def test_a_damaged_record_has_no_verdicts() -> None:
    with pytest.raises(JudgeFailure):
        call_record({"choices": []}).read_verdicts()


# The cache in memory


def test_missing_keys_are_left_out() -> None:
    cache = InMemoryVerdictCache()
    record = call_record(yes_with(0.8))
    cache.put_many({"a": record})
    assert cache.get_many(["a", "b", "a"]) == {"a": record}
    assert cache.get_many([]) == {}


def test_the_first_record_of_a_key_is_kept() -> None:
    first, second = call_record(yes_with(0.8)), call_record(yes_with(0.2))
    cache = InMemoryVerdictCache()
    assert cache.put_many({"a": first}) == {"a": first}
    assert cache.put_many({"a": second, "b": second}) == {"a": first, "b": second}
    assert cache.get_many(["a", "b"]) == {"a": first, "b": second}


# Keys


def test_a_key_is_what_it_was() -> None:
    key = verdict_key(IDENTITY, TEMPLATE, REQUEST, nonce="nonce1")
    assert key == "80c52ef624cacbb167d5fba5049d0a47633d435873e1aaa9c9a5ce03e2c4f974"


def test_a_new_nonce_keeps_the_key() -> None:
    renewed = {**REQUEST, "messages": [{"role": "user", "content": "量化 nonce2 x nonce2"}]}
    keys = [
        verdict_key(IDENTITY, TEMPLATE, request, nonce=nonce)
        for request, nonce in ((REQUEST, "nonce1"), (renewed, "nonce2"))
    ]
    assert keys[0] == keys[1]


def test_the_order_of_a_requests_fields_keeps_the_key() -> None:
    reordered = dict(reversed(REQUEST.items()))
    assert verdict_key(IDENTITY, TEMPLATE, reordered, nonce="-") == verdict_key(IDENTITY, TEMPLATE, REQUEST, nonce="-")


@pytest.mark.parametrize(
    ("identity", "template", "request_change"),
    [
        ({"engine": "llamacpp"}, {}, {}),
        ({"model": "other"}, {}, {}),
        ({"revision": "other"}, {}, {}),
        ({}, {"hash": "other"}, {}),
        ({}, {}, {"seed": 1}),
        ({}, {}, {"temperature": 0.7}),
        ({}, {}, {"messages": [{"role": "user", "content": "量化 nonce1 y nonce1"}]}),
    ],
)
def test_whatever_decides_a_verdict_changes_the_key(
    identity: dict[str, str], template: dict[str, str], request_change: dict[str, Any]
) -> None:
    changed = verdict_key(
        replace(IDENTITY, **identity), replace(TEMPLATE, **template), {**REQUEST, **request_change}, nonce="nonce1"
    )
    assert changed != verdict_key(IDENTITY, TEMPLATE, REQUEST, nonce="nonce1")


def test_neighbouring_parts_of_a_key_cannot_be_shifted() -> None:
    shifted = replace(IDENTITY, engine="vllmm", model="odel")
    assert verdict_key(shifted, TEMPLATE, {}, nonce="-") != verdict_key(IDENTITY, TEMPLATE, {}, nonce="-")


def test_a_record_of_one_token_reads_labels_of_its_form() -> None:
    record = call_record(yes_with(0.8), replace(EN, yes=("No",), no=("Yes",)))
    assert record.read_verdicts()[0].log_odds == pytest.approx(-math.log(4))
