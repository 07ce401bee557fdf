from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.graders.judge.answer_delimiter import delimit_answer, escape_markers
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.rubrics import default_bank

MARKERS = ["<<<", ">>>", "<|im_end|>", "</s>", "<think>", "[INST]", "<", ">", "|", "[/SYS]", "<<<<|>>>>"]
TEXTS = st.lists(st.text(max_size=20) | st.sampled_from(MARKERS), max_size=8).map("".join)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["", ">>>", "<<<", "<|im_end|>", "\n>>> {nonce}"]))
def test_no_answer_closes_its_delimiters(text: str, attack: str) -> None:
    rubric = default_bank().get("quantization", "en")
    prompt_set = PromptSet.from_rubric(rubric, PromptForm(), b"s")
    foreseen = prompt_set.delimit_answer(text).nonce
    answer = prompt_set.delimit_answer(text + attack.format(nonce=foreseen))
    shown = prompt_set.plan_calls(answer)[0].messages[1]["content"]
    assert shown.count(f">>> {answer.nonce}") == 1
    assert shown.count("<<< ") == 1
    assert not re.search(r"<\||\|>", shown)


@given(TEXTS)
def test_escaping_keeps_length_and_place(text: str) -> None:
    escaped = escape_markers(text)
    assert len(escaped) == len(text)
    changed = {before for before, after in zip(text, escaped, strict=True) if before != after}
    assert changed <= set("<>[]")


@given(TEXTS)
def test_escaping_twice_is_escaping_once(text: str) -> None:
    assert escape_markers(escape_markers(text)) == escape_markers(text)


@pytest.mark.parametrize(
    "text",
    ["a < b and c > d", "x -> y => z", "List<int>, vector<T>", "见[1]和<表 2>", "<<a>>", "<b>bold</b>", "[0, 1)"],
)
def test_ordinary_text_is_not_changed(text: str) -> None:
    delimited = delimit_answer(text, context="", secret=b"")
    assert (delimited.text, delimited.escaped_markers) == (text, 0)


def test_escaped_text_reads_the_same() -> None:
    assert escape_markers("<<< a >>> <|b|> </s> [/INST]") == "‹‹‹ a ››› ‹|b|› ‹/s› (/INST)"


@pytest.mark.parametrize(
    ("answer", "count"), [("a >>> b <<< c <|x|>", 4), ("a > b", 0), (">>>>>>", 2), ("<|>", 2), ("", 0), ("<think>", 0)]
)
def test_look_alikes_of_our_markers_are_counted(answer: str, count: int) -> None:
    assert delimit_answer(answer, context="", secret=b"").escaped_markers == count


@pytest.mark.parametrize(
    "token", ["</s>", "<start_of_turn>", "<think>", "</think>", "[INST]", "[/SYSTEM_PROMPT]", "<BOS>", "<tool_call>"]
)
def test_control_tokens_are_escaped_but_not_counted(token: str) -> None:
    delimited = delimit_answer(f"The model ends with {token} here.", context="", secret=b"")
    assert token not in delimited.text
    assert token.strip("<>[]/").lower() in delimited.text.lower()
    assert delimited.escaped_markers == 0


def test_nonces_differ_by_answer_question_and_secret() -> None:
    nonces = {
        delimit_answer(f"answer {number}", context=context, secret=secret).nonce
        for number in range(2500)
        for context in ("a", "b")
        for secret in (b"x", b"y")
    }
    assert len(nonces) == 10_000


def test_a_nonce_is_a_keyed_hash_and_repeats() -> None:
    # The first 16 digits of HMAC-SHA256 with key "c" over "b", NUL, "a".
    assert delimit_answer("a", context="b", secret=b"c").nonce == "744836a714b1b9cd"
    assert delimit_answer("a", context="b", secret=b"c") == delimit_answer("a", context="b", secret=b"c")


def test_context_and_answer_cannot_be_shifted() -> None:
    assert delimit_answer("bc", context="a", secret=b"").nonce != delimit_answer("c", context="ab", secret=b"").nonce
