from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivavoce.graders.reading.normal_text import (
    answer_hash,
    fold,
    has_han,
    hash_normal,
    join_spans,
    normalise,
    split_sentences,
    words,
)

# The first example loads libraries.
no_deadline = settings(deadline=None)


def test_compatibility_forms_fold_and_invisibles_go() -> None:
    normal = normalise("ＩＮＴ８\u200b \u202e𝐪uantization\ufe0f  ﬁne")
    assert normal.text == "INT8 quantization fine"
    assert normal.hidden == 3


def test_chinese_punctuation_keeps_its_form() -> None:
    assert normalise("量化，更快。（见下）").text == "量化，更快。（见下）"


def test_a_span_leads_back_to_the_raw_characters() -> None:
    raw = "  ＩＮＴ８\u200b is café"
    normal = normalise(raw)
    start = normal.text.index("café")
    low, high = normal.raw_span(start, start + 4)
    assert raw[low:high] == "café"
    low, high = normal.raw_span(0, 4)
    assert raw[low:high] == "ＩＮＴ８"


@no_deadline
@given(st.text(max_size=200))
def test_offsets_are_ordered_and_in_range(raw: str) -> None:
    normal = normalise(raw)
    assert len(normal.text) == len(normal.starts) == len(normal.ends)
    assert list(normal.starts) == sorted(normal.starts)
    assert all(0 <= start < end <= len(raw) for start, end in zip(normal.starts, normal.ends, strict=True))


@no_deadline
@given(st.text(max_size=200))
@example("a\u200b\u0301")
@example("\u1100\u200b\u1161 \u037a")
def test_the_normal_form_is_its_own_normal_form(raw: str) -> None:
    once = fold(raw).text
    assert fold(once).text == once
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


@no_deadline
@given(st.text(max_size=300))
def test_sentences_keep_every_word_once(text: str) -> None:
    bounds = split_sentences(text)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(bounds))
    kept = "".join(text[low:high] for low, high in bounds)
    assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]


def test_words_are_characters_or_runs() -> None:
    assert words("使用 Redis 缓存, 3x") == ["使", "用", "redis", "缓", "存", "3x"]


def test_chinese_characters_are_found() -> None:
    assert has_han("中a")
    assert not has_han("a")


@no_deadline
@given(st.text(alphabet=" \n\t\r\x0b\x0cab.é", max_size=40))
def test_the_ascii_path_gives_the_same_form(raw: str) -> None:
    marked = normalise(f"量 {raw}")
    plain = normalise(f"x {raw}")
    assert plain.text[1:] == marked.text[1:]
    assert plain.starts == marked.starts
    assert plain.ends == marked.ends


def test_traditional_characters_fold_and_lead_back() -> None:
    raw = "量化會把權重從 FP16 變成 INT8，體積減半。"
    normal = normalise(raw)
    assert normal.text == "量化会把权重从 FP16 变成 INT8，体积减半。"
    start = normal.text.index("体积")
    assert raw[slice(*normal.raw_span(start, start + 2))] == "體積"
    assert words("軟體 INT8") == words("软体 INT8")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("　两　端　", "两 端"),
        ("a\u00a0b", "a b"),
        ("量\tb", "量 b"),
        ("量 \n b", "量\nb"),
        ("量\n\n\nb", "量\nb"),
        ("量\r\nb", "量\nb"),
        ("a\u2028b\u2029c\x85d", "a\nb\nc\nd"),
        ("Ａ１ ｂ", "A1 b"),
        ("①㎏…½", "1kg…1⁄2"),
        ("cafe\u0301", "café"),
        ("\ufeffa\u00adb", "ab"),
        ("a\x00b\x07c", "abc"),
        ("a\ud800b", "ab"),
        ("好🙂", "好🙂"),
        ("後裡體", "后里体"),
        ("中文，“引号”、《书》", "中文，“引号”、《书》"),
    ],
)
def test_normal_forms(raw: str, text: str) -> None:
    assert normalise(raw).text == text


@pytest.mark.parametrize(
    ("raw", "hidden"),
    [
        ("plain text\n", 0),
        ("中文 文本", 0),
        ("a\u200b\u200d\u2066b", 3),
        ("a\U000e0041\U000e0042", 2),
        ("a\u00ad\ue000b", 2),
        ("\u3164\uffa0\u115f", 3),
        ("☀\ufe0f", 1),
        ("tab\tand\x07bell", 1),
        ("\u202e", 1),
    ],
)
def test_invisible_characters_are_counted(raw: str, hidden: int) -> None:
    assert normalise(raw).hidden == hidden


@pytest.mark.parametrize(
    ("raw", "part", "original"),
    [
        ("ab\u200bcd", "abcd", "ab\u200bcd"),
        ("ﬁne", "i", "ﬁ"),
        ("ﬁne", "fine", "ﬁne"),
        ("cafe\u0301 ok", "é", "e\u0301"),
        ("用 ＩＮＴ８ 量化", "INT8", "ＩＮＴ８"),
        ("a  \t b", "a b", "a  \t b"),
        ("a \n\n b", "\n", "\n"),
        ("\u202e機器學習", "学习", "學習"),
        ("  x y", "x y", "x y"),
    ],
)
def test_a_part_leads_back_to_its_original(raw: str, part: str, original: str) -> None:
    normal = normalise(raw)
    start = normal.text.index(part)
    low, high = normal.raw_span(start, start + len(part))
    assert raw[low:high] == original


@pytest.mark.parametrize("span", [(0, 0), (2, 1), (-1, 2), (0, 4), (3, 4)])
def test_spans_outside_of_the_text_are_rejected(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"between {span[0]} and {span[1]}"):
        normalise("量化 ").raw_span(*span)


@no_deadline
@given(st.text(max_size=100))
def test_the_whole_text_leads_back_without_surrounding_blanks(raw: str) -> None:
    normal = normalise(raw)
    if normal.text:
        low, high = normal.raw_span(0, len(normal.text))
        assert normalise(raw[low:high]).text == normal.text
        assert normalise(raw[:low]).text == normalise(raw[high:]).text == ""


def test_hashes_are_of_the_normal_form() -> None:
    assert answer_hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert answer_hash(" ＩＮＴ８\u200b 權重\n") == answer_hash("INT8 权重")
    assert answer_hash("INT8") != answer_hash("int8")
    assert answer_hash("a b") != answer_hash("a\nb")
    assert hash_normal(normalise("量化")) == answer_hash("量化")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("第一句。第二句！第三句？", ["第一句。", "第二句！", "第三句？"]),
        ("他说：“可以。”然后走了。", ["他说：“可以。”", "然后走了。"]),
        ("先量化；再剪枝", ["先量化；", "再剪枝"]),
        ("a; b;c", ["a;", "b;c"]),
        ("It depends on x. Then y.", ["It depends on x.", "Then y."]),
        ("Wait...no", ["Wait...no"]),
        ("See Fig. 3, e.g. here. Next.", ["See Fig. 3, e.g. here.", "Next."]),
        ("Ask Dr. No vs. Mr. Yes. Then go.", ["Ask Dr. No vs. Mr. Yes.", "Then go."]),
        ("As J. Smith says, it is 3.14 wide. Yes.", ["As J. Smith says, it is 3.14 wide.", "Yes."]),
        ("What?! (Really.) Yes", ["What?!", "(Really.)", "Yes"]),
        ("Wait... what", ["Wait...", "what"]),
        ("one\n\n two \n---\nthree", ["one", "two", "three"]),
        ("no end", ["no end"]),
        ("用 model.fit 训练。OK", ["用 model.fit 训练。", "OK"]),
    ],
)
def test_sentence_ends(text: str, sentences: list[str]) -> None:
    assert [text[low:high] for low, high in split_sentences(text)] == sentences


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("字" * 600, [600]),
        ("字" * 601, [600, 1]),
        ("字" * 500 + "，" + "字" * 300, [501, 300]),
        ("a" * 599 + " " + "b" * 10, [599, 10]),
        ("a" * 300 + " " + "b" * 290 + "、" + "c" * 300, [592, 300]),
    ],
)
def test_long_sentences_are_cut_after_a_comma_or_blank(text: str, lengths: list[int]) -> None:
    assert [high - low for low, high in split_sentences(text)] == lengths


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("—？！", []),
        ("max_len don't GPT-4", ["max", "len", "don", "t", "gpt", "4"]),
        ("量化INT8後", ["量", "化", "int8", "后"]),
        ("naïve Größe", ["naïve", "größe"]),
        ("かな漢字", ["かな", "汉", "字"]),
    ],
)
def test_words_of_mixed_scripts(text: str, tokens: list[str]) -> None:
    assert words(text) == tokens


@pytest.mark.parametrize(("text", "expected"), [("\uf900", True), ("㐀", True), ("かな", False), ("，。", False)])
def test_chinese_characters_are_told_from_others(text: str, expected: bool) -> None:
    assert has_han(text) is expected


@pytest.mark.parametrize(
    ("spans", "joined"),
    [
        ([], []),
        ([(3, 5), (0, 2)], [(0, 2), (3, 5)]),
        ([(0, 2), (2, 4)], [(0, 4)]),
        ([(0, 9), (2, 4), (8, 12)], [(0, 12)]),
        ([(1, 3), (1, 3)], [(1, 3)]),
    ],
)
def test_touching_spans_are_joined(spans: list[tuple[int, int]], joined: list[tuple[int, int]]) -> None:
    assert join_spans(spans) == joined


@no_deadline
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=8))
def test_joined_spans_cover_the_same_places(starts: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in starts]
    joined = join_spans(spans)
    assert {i for low, high in joined for i in range(low, high)} == {i for low, high in spans for i in range(low, high)}
    assert all(first[1] < second[0] for first, second in itertools.pairwise(joined))
