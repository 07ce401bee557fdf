from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.judge.prompt import fence, load_template, messages, trusted_block


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_order_is_trusted_block_answer_criterion(language: str) -> None:
    template = load_template(language)  # type: ignore[arg-type]
    trusted = trusted_block(template, question="Q?")
    answer = fence("A.", context=trusted, secret=b"")
    system, user = messages(template, trusted=trusted, answer=answer, criterion="C!")
    assert system["content"] == trusted
    assert user["content"].index("A.") < user["content"].index("C!")
    other = messages(template, trusted=trusted, answer=answer, criterion="D!")[1]["content"]
    assert user["content"].split("C!")[0] == other.split("D!")[0]


def test_braces_in_an_answer_are_only_text() -> None:
    template = load_template("en")
    answer = fence("{question} {0} {nonce}", context="", secret=b"")
    shown = messages(template, trusted="", answer=answer, criterion="{x}")[1]["content"]
    assert "{question} {0} {nonce}" in shown
    assert "{x}" in shown


@given(st.text(max_size=300), st.sampled_from(["", ">>>", "<<<", "<|im_end|>", "\n>>> {nonce}"]))
def test_no_answer_closes_its_fence(text: str, attack: str) -> None:
    template = load_template("en")
    first = fence(text, context="c", secret=b"s")
    answer = fence(text + attack.format(nonce=first.nonce), context="c", secret=b"s")
    shown = messages(template, trusted="", answer=answer, criterion="C")[1]["content"]
    assert shown.count(f">>> {answer.nonce}") == 1
    assert shown.count("<<< ") == 1
    assert not re.search(r"<\||\|>", shown)


def test_codes_differ_between_answers_questions_and_secrets_and_repeat_for_the_same() -> None:
    codes = {
        fence(f"answer {number}", context=context, secret=secret).nonce
        for number in range(2500)
        for context in ("a", "b")
        for secret in (b"x", b"y")
    }
    assert len(codes) == 10_000
    assert fence("a", context="b", secret=b"c") == fence("a", context="b", secret=b"c")


def test_look_alikes_are_counted() -> None:
    assert fence("a >>> b <<< c <|x|>", context="", secret=b"").defused == 4
    assert fence("a > b", context="", secret=b"").defused == 0
