from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders.reading.normal_text import (
    detect_language,
    has_han,
    normalise,
    split_sentences,
    words,
)


def test_compatibility_forms_fold_and_invisible_characters_go() -> None:
    found = normalise("ＩＮＴ８\u200b \u202e𝐪uantization\ufe0f  ﬁne")
    assert found.text == "INT8 quantization fine"
    assert found.hidden == 3


def test_chinese_punctuation_keeps_its_form() -> None:
    assert normalise("量化，更快。（见下）").text == "量化，更快。（见下）"


def test_a_span_leads_back_to_the_raw_characters() -> None:
    raw = "  ＩＮＴ８\u200b is café"
    found = normalise(raw)
    start = found.text.index("café")
    low, high = found.raw_span(start, start + 4)
    assert raw[low:high] == "café"
    low, high = found.raw_span(0, 4)
    assert raw[low:high] == "ＩＮＴ８"


@given(st.text(max_size=200))
def test_spans_stay_within_the_raw_text_and_in_order(raw: str) -> None:
    found = normalise(raw)
    assert len(found.text) == len(found.starts) == len(found.ends)
    assert list(found.starts) == sorted(found.starts)
    assert all(0 <= start < end <= len(raw) for start, end in zip(found.starts, found.ends, strict=True))


@given(st.text(max_size=200))
def test_the_normal_form_is_its_own_normal_form(raw: str) -> None:
    once = normalise(raw).text
    assert normalise(once).text == once
    assert not any(unicodedata.category(character) == "Cf" for character in once)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("量化用更少比特。所以更快！真的吗？", 3),
        ("Use INT8, e.g. with GPTQ. It costs 0.5 points. Done!", 3),
        ("- one\n- two\n- three", 3),
        ("没有标点的一句话", 1),
        ("... !!! 。。。", 0),
        ("", 0),
        ("He said “it works.” Then it broke.", 2),
        ("a" * 2000, 4),
    ],
)
def test_sentences_are_found_in_both_languages(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


@given(st.text(max_size=300))
def test_sentences_do_not_overlap_and_lose_no_word(text: str) -> None:
    bounds = split_sentences(text)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(bounds))
    kept = "".join(text[low:high] for low, high in bounds)
    assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]


def test_words_keep_chinese_characters_and_latin_words() -> None:
    assert words("使用 Redis 缓存, 3x") == ["使", "用", "redis", "缓", "存", "3x"]


@pytest.mark.parametrize(
    ("text", "language"),
    [("用 Transformer 做 embedding", "en"), ("量化用 INT8", "zh"), ("plain", "en"), ("", "en"), ("不知道", "zh")],
)
def test_the_language_is_that_of_most_letters(text: str, language: str) -> None:
    assert detect_language(text) == language
    assert has_han("中a")
    assert not has_han("a")


@given(st.text(alphabet=" \n\t\r\x0b\x0cab.é", max_size=40))
def test_plain_and_other_text_have_the_same_normal_form(raw: str) -> None:
    marked = normalise(f"量 {raw}")
    plain = normalise(f"x {raw}")
    assert plain.text[1:] == marked.text[1:]
    assert plain.starts == marked.starts
    assert plain.ends == marked.ends


def test_both_chinese_scripts_have_one_normal_form_and_lead_back_to_what_was_written() -> None:
    raw = "量化會把權重從 FP16 變成 INT8，體積減半。"
    found = normalise(raw)
    assert found.text == "量化会把权重从 FP16 变成 INT8，体积减半。"
    start = found.text.index("体积")
    assert raw[slice(*found.raw_span(start, start + 2))] == "體積"
    assert words("軟體 INT8") == words("软体 INT8")
