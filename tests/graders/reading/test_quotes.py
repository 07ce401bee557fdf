from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.graders.reading.normal_text import normalise, words
from vivavoce.graders.reading.quotes import find_quote

# The first example loads libraries.
no_deadline = settings(deadline=None)


def _quoted(text: str, quote: str) -> str | None:
    bounds = find_quote(text, quote)
    return text[slice(*bounds)] if bounds else None


@pytest.mark.parametrize(
    ("text", "quote", "expected"),
    [
        ("It stores weights in fewer bits.", "weights in fewer bits", "weights in fewer bits"),
        ("It stores Weights in INT8.", "weights in int8", "Weights in INT8"),
        ("It stores weights\nin fewer bits.", "weights in  fewer bits", "weights\nin fewer bits"),
        ("量化用更少的位数，所以更快。", "位数,所以更快.", "位数，所以更快"),
        ("使用 Redis 缓存数据", "使用Redis缓存", "使用 Redis 缓存"),
        ("使用Redis缓存数据", "使用 Redis 缓存", "使用Redis缓存"),
        ("Fewer bits – less memory", "bits - less memory", "bits – less memory"),
        ("It’s the model’s cache", "it's the model's", "It’s the model’s"),
        ("He calls it “soft labels” there", '"soft labels" there', "soft labels” there"),
        ("weights [low precision] are small", "(low precision) are", "[low precision] are"),
        ("Weights are small. Reads are fast.", "“Weights are small...”", "Weights are small"),
        ("The <b> tag is bold", "the ‹b› tag", "The <b> tag"),
    ],
)
def test_quotes_are_found_in_other_spelling(text: str, quote: str, expected: str) -> None:
    assert _quoted(text, quote) == expected


def test_a_full_width_quote_is_folded() -> None:
    assert _quoted("INT8 weights are small", "ＩＮＴ８　ｗｅｉｇｈｔｓ") == "INT8 weights"


@pytest.mark.parametrize(
    "quote", ["", "...", "？！", '""', "it", "K8", "量", "[1]", "weights in many bits", "fewerbits", "fe wer bits"]
)
def test_missing_or_short_quotes_are_rejected(quote: str) -> None:
    assert find_quote("[1] it has weights in fewer bits; K8 量化", quote) is None


@pytest.mark.parametrize("quote", ["INT", "量化", "it has"])
def test_the_shortest_quotes_are_accepted(quote: str) -> None:
    assert _quoted("as it has INT8 量化", quote) == quote


def test_sentence_numbers_do_not_count() -> None:
    text = "[1] Weights are small. [2] Reads are fast."
    assert _quoted(text, "small. Reads are") == "small. [2] Reads are"
    assert _quoted("Weights are small. Reads are fast.", "[2] Reads are fast") == "Reads are fast"
    # A number of four digits is none of ours.
    assert _quoted("see [2024] for more", "see for more") is None


def test_letters_that_grow_in_lower_case_keep_offsets() -> None:
    text = "İİİ uses Redis caches"
    assert _quoted(text, "redis CACHES") == "Redis caches"


def test_the_first_of_several_places_is_taken() -> None:
    assert find_quote("fast reads and fast reads", "fast reads") == (0, 10)


@no_deadline
@given(st.lists(st.sampled_from(["fast", "reads", "量化", "更快", "，", ". ", " ", "[1]", "INT8"]), max_size=12))
def test_part_of_a_text_is_found_in_it(parts: list[str]) -> None:
    text = normalise("".join(parts)).text
    bounds = find_quote(text, text)
    if bounds is not None:
        assert words(text[slice(*bounds)])
        assert find_quote(text, text[slice(*bounds)]) == bounds
    else:
        # Nothing but sentence numbers and one word at most.
        assert len(words(text.replace("[1]", " "))) <= 1
