from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.graders.reading.normal_text import STOP_WORDS
from vivavoce.graders.reading.terms import terms

# The first example loads libraries.
no_deadline = settings(deadline=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        ("?! …", set()),
        ("Quantized models, quantization", {"quantiz", "model"}),
        ("the use of it", set()),
        ("gas is not stemmed", {"gas", "stem"}),
        ("model's I a x", {"model"}),
        ("7 x 42", {"7", "42"}),
        ("max_len GPT-4", {"max", "len", "gpt", "4"}),
        ("量化权重", {"量化", "化权", "权重"}),
        ("量", set()),
        ("这是", set()),
        ("的权", {"的权"}),
        ("用 INT8 量化", {"int8", "量化"}),
        ("量 X 化", set()),
    ],
)
def test_terms_are_stems_and_character_pairs(text: str, expected: set[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [("軟體壓縮權重", "软体压缩权重"), ("Caches Models", "cache model"), ("caching, caches!", "cached cache")],
)
def test_equal_words_have_equal_terms(first: str, second: str) -> None:
    assert terms(first) == terms(second)


@no_deadline
@given(st.lists(st.sampled_from(sorted(STOP_WORDS)), max_size=10))
def test_stop_words_have_no_terms(stop_words: list[str]) -> None:
    assert terms(" ".join(stop_words)) == frozenset()


@no_deadline
@given(st.text(max_size=60), st.text(max_size=60))
def test_a_longer_text_loses_no_terms(first: str, second: str) -> None:
    assert terms(first) <= terms(f"{first}\n{second}")
