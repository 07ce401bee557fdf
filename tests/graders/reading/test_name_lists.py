"""Lists that only name things."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.evaluation.graded_answers import rubric_from_reference
from vivavoce.graders.reading.name_lists import asks_for_names, only_names, stated, without_name_lists
from vivavoce.graders.reading.normal_text import detect_language
from vivavoce.graders.signals.lexical import point_recall, rouge
from vivavoce.rubrics import Rubric, default_bank

# The first example loads libraries.
no_deadline = settings(deadline=None)

POINT = "Quantization stores the weights in fewer bits, so that less memory is read for each token."
POINT_ZH = "量化用更少的位数存储权重，因此每个词元读取的显存更少"


def _rubric(reference: str) -> Rubric:
    return rubric_from_reference({"question": "How?", "reference": reference, "lang": detect_language(reference)})


def _recall(answer: str, reference: str) -> float:
    return point_recall(stated([answer], reference, _rubric(reference)), point=reference, question="How?")


def _overlap(answer: str, reference: str) -> float:
    return rouge(answer, [reference], stated=stated([answer], reference, _rubric(reference))).rouge1_recall


@pytest.mark.parametrize(
    "named",
    [
        "Keywords: quantization, weights, bits, memory, token.",
        "quantization and weights and bits and memory and token",
        "- quantization\n- stored weights\n- fewer bits\n- memory\n- token",
        "quantization / weights / bits / memory / token",
        "quantization weights stored fewer bits memory token",
        "This topic is about a great many things, quantization, weights, bits, memory, token.",
    ],
)
def test_words_of_a_name_list_earn_nothing(named: str) -> None:
    """However the list is written."""
    assert _recall(named, POINT) == 0
    assert _overlap(named, POINT) <= _overlap("This topic is about a great many things", POINT)


@pytest.mark.parametrize(
    "named", ["关键词：量化、位数、权重、词元、显存", "量化，权重，位数，显存，词元", "量化\n位数\n权重\n显存"]
)
def test_words_of_a_chinese_name_list_earn_nothing(named: str) -> None:
    """With either comma, or a line each."""
    assert _recall(named, POINT_ZH) == 0


@pytest.mark.parametrize(
    ("answer", "point", "least"),
    [
        ("It stores weights in fewer bits and reads less memory for a token.", POINT, 0.7),
        ("Quantization, which stores weights in 4 bits, reads less memory.", POINT, 0.5),
        ("Weights in fewer bits: less memory to read, for each token.", POINT, 0.7),
        ("量化把权重存成更少的位数，每个词元要读的显存就少了。", POINT_ZH, 0.3),
    ],
)
def test_statements_count(answer: str, point: str, least: float) -> None:
    """Also with commas, and tersely."""
    assert _recall(answer, point) >= least


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("The factors are zoning, splitting, batching and sorting.", "Zoning, splitting, batching, sorting."),
        ("四个主要因素：分区、订单分割、订单分批、分类。", "（1）分区（2）订单分割（3）订单分批（4）分类"),
        ("选址原则：战略性原则；适应性原则；协调性原则；经济性原则。", "战略性原则；\n协调性原则；\n经济性原则。"),
    ],
)
def test_a_requested_list_counts(key: str, answer: str) -> None:
    """Where a full answer is a list of names itself."""
    assert asks_for_names(_rubric(key))
    assert _recall(answer, key) >= 0.4
    assert _overlap(answer, key) >= 0.5


def test_no_question_of_the_bank_asks_for_names() -> None:
    """Its answers explain."""
    assert [rubric.question.id for rubric in default_bank() if asks_for_names(rubric)] == []


def test_two_numbered_names_are_no_list() -> None:
    """Their numbers are no names."""
    assert _recall("（1）位数（2）权重", POINT_ZH) > 0


@pytest.mark.parametrize(
    "sentence",
    [
        "Keywords: attention, softmax, query, positional encoding, layer norm, GPT-4.",
        "Users first, seamless experience, enterprise-grade, five nines, synergy.",
        "注意力机制、位置编码、残差连接、层归一化、前馈网络",
        "关键词：自注意力、可解释性、多头机制、残差连接、层归一化。",
    ],
)
def test_sentences_of_only_names_are_recognised(sentence: str) -> None:
    """In both languages."""
    assert only_names(sentence, [POINT, POINT_ZH])


@pytest.mark.parametrize(
    "sentence",
    [
        "Road maps, power grids, org charts, they have all got points and links.",
        "Weights, 4 bits, one scale, 128 values, less memory.",
        "Formula: P(E) = NF/NP, NF, NP, E, P.",
        "Pruning, quantization and distillation.",
        "The operations on propositions are: negation, disjunction, conjunction, implication and equivalence.",
        "常用的方法有剪枝、量化、蒸馏、稀疏化、低秩分解。",
        "短板：陈词滥调，韵脚乱套，史实瞎编，有时整句照抄。",
    ],
)
def test_statements_are_not_only_names(sentence: str) -> None:
    """However terse it is."""
    assert not only_names(sentence, [POINT, POINT_ZH])


def test_a_list_in_the_key_is_read() -> None:
    """Whatever else the key explains."""
    answer = "Pruning, quantization, distillation, low-rank factors, caching."
    assert only_names(answer, [POINT])
    assert not only_names(answer, [POINT, "There are three ways: quantization, pruning, distillation and caching."])


def test_statements_keep_their_clauses() -> None:
    """Only the list goes."""
    answer = ("Softmax makes them sum to one.", "Keywords: query, key, value, head")
    assert without_name_lists(answer) == ("Softmax makes them sum to one.", "")


def test_a_bare_figure_is_no_list() -> None:
    assert without_name_lists(("It doubles.", "= 42", "(a) 5 + 7")) == ("It doubles.", "= 42", "(a) 5 + 7")


@pytest.mark.parametrize(
    ("sentences", "kept"),
    [
        ((), ()),
        (("", "..."), ("", "...")),
        (("Pruning, quantization.",), ("Pruning, quantization.",)),
        (("Pruning", "quantization", "distillation"), ("", "", "")),
        (("Pruning, quantization", "and distillation help."), ("", "")),
        (
            ("It prunes the weights, quantization, distillation.",),
            ("It prunes the weights, quantization, distillation.",),
        ),
        (("It prunes the weights, caching, fusion, batching.",), ("It prunes the weights,",)),
        (("Caching, fusion, batching, it prunes the weights.",), (" it prunes the weights.",)),
        (("剪枝、量化、蒸馏。", "它会减少权重的位数。"), ("", "它会减少权重的位数。")),
        (("先剪枝，再量化",), ("先剪枝，再量化",)),
        (("model weights bits memory bandwidth cache",), ("",)),
        (("model weights bits memory bandwidth",), ("model weights bits memory bandwidth",)),
        (("量化权重位数显存带宽缓存剪枝蒸",), ("",)),
        (("量化权重位数显存带宽缓存",), ("量化权重位数显存带宽缓存",)),
    ],
)
def test_only_name_lists_are_cut(sentences: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert without_name_lists(sentences) == kept


PARTS = ["pruning", "it is fast", "量化", "它会更快", ", ", "、", "。", " and ", ": ", "(a) ", "42", "\n"]


@no_deadline
@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=10).map("".join), max_size=4))
def test_cutting_lists_only_removes_characters(sentences: list[str]) -> None:
    kept = without_name_lists(tuple(sentences))
    assert len(kept) == len(sentences)
    for sentence, rest in zip(sentences, kept, strict=True):
        characters = iter(sentence)
        assert all(character in characters for character in rest)
    assert [("it is fast" in sentence) for sentence in sentences] == [("it is fast" in rest) for rest in kept]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Pruning, quantization, distillation, caching, fusion", True),
        ("Pruning, quantization, distillation, caching", False),
        ("Pruning, quantization, distillation, caching, it is fast", False),
        ("int8, GPT-4, RoPE, LoRA, RAG", True),
        ("Pruning, quantization, distillation, caching, 8 bits", False),
        ("(1) 剪枝 (2) 量化 (3) 蒸馏 (4) 缓存 (5) 融合", False),
        ("剪枝、量化、蒸馏、缓存、融合。", True),
        ("方法：剪枝、量化、蒸馏、缓存、融合", True),
        ("剪枝、量化、蒸馏、缓存", False),
        ("剪枝，量化，蒸馏，它会更快，融合", False),
        ("", False),
    ],
)
def test_five_names_make_a_list_sentence(sentence: str, expected: bool) -> None:
    assert only_names(sentence, []) is expected


def test_half_of_the_names_make_the_list_of_the_key() -> None:
    key = "Ways: pruning, quantization, distillation."
    assert not only_names("pruning, quantization, distillation, caching, fusion, batching", [key])
    assert only_names("pruning, quantization, caching, fusion, batching", [key])
    # The key's statements are no list.
    assert only_names("pruning, quantization, distillation, caching, fusion", ["It is pruning and quantization."])


def test_a_list_counts_against_a_key_with_a_list() -> None:
    sentences = ["Caching, fusion, batching", "It is fast."]
    rubric = _rubric("It is fast because the reads of the weights are fewer than those of a model in full precision.")
    assert list(stated(sentences, "Ways: caching, fusion, batching.", rubric)) == sentences
    assert list(stated(sentences, "It reads fewer of the weights.", rubric)) == ["", "It is fast."]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Caching, fusion, batching: it is fast as it has no reads", True),
        ("Caching, fusion, batching: it is fast as it has no reads of the weights at all", False),
        ("Caching, fusion. It is fast.", False),
    ],
)
def test_a_quarter_of_names_asks_for_names(reference: str, expected: bool) -> None:
    assert asks_for_names(_rubric(reference)) is expected
