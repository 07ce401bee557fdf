"""Lists that only name things."""

from __future__ import annotations

import pytest

from vivavoce.graders.lexical import point_recall, rouge
from vivavoce.graders.name_lists import enumerates, only_names, without_name_lists

POINT = "Quantization stores the weights in fewer bits, so that less memory is read for each token."
POINT_ZH = "量化用更少的位数存储权重，因此每个词元读取的显存更少"


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
def test_the_words_of_a_list_of_names_earn_nothing(named: str) -> None:
    """However the list is written."""
    assert point_recall(named, point=POINT, question="How does it work?") == 0
    assert rouge(named, [POINT]).recall <= rouge("This topic is about a great many things", [POINT]).recall


@pytest.mark.parametrize("named", ["关键词：量化、位数、权重、词元、显存", "量化，权重，位数，显存，词元", "量化\n位数\n权重\n显存"])
def test_the_words_of_a_chinese_list_of_names_earn_nothing(named: str) -> None:
    """With either comma, or a line each."""
    assert point_recall(named, point=POINT_ZH, question="它如何工作？") == 0


@pytest.mark.parametrize(
    ("said", "point", "least"),
    [
        ("It stores weights in fewer bits and reads less memory for a token.", POINT, 0.7),
        ("Quantization, which stores weights in 4 bits, reads less memory.", POINT, 0.5),
        ("Weights in fewer bits: less memory to read, for each token.", POINT, 0.7),
        ("量化把权重存成更少的位数，每个词元要读的显存就少了。", POINT_ZH, 0.3),
    ],
)
def test_what_is_stated_counts(said: str, point: str, least: float) -> None:
    """Also with commas, and tersely."""
    assert point_recall(said, point=point, question="How does it work?") >= least


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("The factors are zoning, order splitting, batching and sorting.", "Zoning, order splitting, batching, sorting."),
        ("四个主要因素：分区、订单分割、订单分批、分类。", "分区、订单分割、订单分批、分类"),
    ],
)
def test_a_list_that_is_asked_for_counts(key: str, answer: str) -> None:
    """Where the key is a list of names itself."""
    assert enumerates(key)
    assert point_recall(answer, point=key, question="Which?") > 0.5
    assert rouge(answer, [key]).recall > 0.5
    assert not only_names(f"{answer}、其他", [key])


@pytest.mark.parametrize(
    "sentence",
    [
        "Keywords: attention, softmax, query, positional encoding, layer norm, GPT-4.",
        "Users first, seamless experience, enterprise-grade, five nines, synergy.",
        "注意力机制、位置编码、残差连接、层归一化、前馈网络",
        "关键词：自注意力、可解释性、多头机制、残差连接、层归一化。",
    ],
)
def test_a_sentence_of_nothing_but_names_is_found(sentence: str) -> None:
    """In both languages."""
    assert only_names(sentence, [POINT, POINT_ZH])


@pytest.mark.parametrize(
    "sentence",
    [
        "Road maps, power grids, org charts, they have all got points and links.",
        "Weights, 4 bits, one scale, 128 values, less memory.",
        "Formula: P(E) = NF/NP, NF, NP, E, P.",
        "Pruning, quantization and distillation.",
        "常用的方法有剪枝、量化、蒸馏、稀疏化、低秩分解。",
        "短板：陈词滥调，韵脚乱套，史实瞎编，有时整句照抄。",
    ],
)
def test_a_sentence_that_states_something_is_read(sentence: str) -> None:
    """However terse it is."""
    assert not only_names(sentence, [POINT, POINT_ZH])


def test_statements_keep_their_clauses() -> None:
    """Only the list goes."""
    said = "Softmax makes them sum to one. Keywords: query, key, value, head"
    assert without_name_lists(said).strip() == "Softmax makes them sum to one. Keywords"
