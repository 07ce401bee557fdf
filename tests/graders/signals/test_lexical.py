from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from vivavoce.graders.reading import normal_text
from vivavoce.graders.signals.lexical import RougeScores, point_recall, rouge


def test_identical_chinese_sentences_agree_fully() -> None:
    scores = rouge("量化用更少的比特存储权重", ["量化用更少的比特存储权重"])
    assert (scores.rouge1, scores.rouge2, scores.rouge_l) == (1.0, 1.0, 1.0)


def test_one_shared_english_word_is_not_agreement() -> None:
    scores = rouge("不知道 Redis", ["使用 Redis 缓存"])
    assert scores.rouge1 < 0.5
    assert scores.rouge2 == 0


def test_the_best_reference_counts() -> None:
    assert rouge("a small model", ["nothing alike here", "a small model"]).rouge1 == 1.0


def test_filler_takes_nothing_off_the_recall() -> None:
    reference = ["模型权重存成四位整数"]
    plain, padded = (rouge(answer, reference) for answer in ("权重存成整数", "谢谢您的提问。权重存成整数。就是这些。"))
    assert padded.rouge1_recall == plain.rouge1_recall == pytest.approx(0.6)
    assert padded.rouge1 < plain.rouge1


@pytest.mark.parametrize(
    ("answer", "low", "high"),
    [
        ("Weights are stored as 4-bit integers", 0.5, 1.0),
        ("How does quantization work?", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_point_recall_counts_content_words_only(answer: str, low: float, high: float) -> None:
    point = "Weights are stored as integers with 4 bits."
    assert low <= point_recall([answer], point=point, question="How does quantization work?") <= high


def test_repeating_the_question_gains_nothing_in_chinese() -> None:
    question = "量化如何加快推理？"
    assert point_recall([question], point="量化加快推理", question=question) == 0
    assert point_recall(["权重变小，读取更少"], point="权重变小所以读取更少", question=question) > 0.5


def test_a_point_is_counted_where_it_is_made() -> None:
    """Words that are scattered over an answer about other things make no point; in short sentences one after another
    they do.
    """
    point, question = "Weights are stored as integers with four bits.", "How does quantization work?"
    other = "Bread is baked in a hot oven until its crust is brown and firm."
    sentences = ["We take the weights.", "They are stored.", "As integers.", "With four bits."]
    scattered = [part for sentence in sentences for part in (sentence, other)]
    assert point_recall(sentences, point=point, question=question) == 1
    assert point_recall([other, *sentences, other], point=point, question=question) == 1
    assert point_recall(scattered, point=point, question=question) <= 0.5
    assert point_recall([], point=point, question=question) == 0


class _KeepsChinese:
    def tokenize(self, string: str) -> list[str]:
        return normal_text.words(string)


@given(*[st.lists(st.sampled_from("a b c d 量 化 更 快 int8 .".split()), max_size=40).map(" ".join)] * 2)
def test_rouge_is_that_of_the_rouge_score_package(answer: str, reference: str) -> None:
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_KeepsChinese())
    wanted = scorer.score(reference, answer)
    scores = rouge(answer, [reference])
    ours = (scores.rouge1, scores.rouge2, scores.rouge_l)
    assert ours == pytest.approx([wanted[name].fmeasure for name in ("rouge1", "rouge2", "rougeL")], abs=1e-9)


@pytest.mark.parametrize(("answer", "reference"), [("", "some words"), ("some words", ""), ("", "")])
def test_an_empty_side_shares_nothing(answer: str, reference: str) -> None:
    assert rouge(answer, [reference]) == RougeScores(0.0, 0.0, 0.0, 0.0)


def test_each_measure_has_its_own_best_reference() -> None:
    scores = rouge("a b c d", ["d c b a", "a b"])
    assert (scores.rouge1, scores.rouge2) == (1.0, pytest.approx(0.5))
    assert scores.rouge1_recall == 1.0


def test_only_what_states_something_counts_for_recall() -> None:
    whole = rouge("a b c d", ["a b c d"])
    stated = rouge("a b c d", ["a b c d"], stated=["a b"])
    assert stated.rouge1_recall == 0.5
    assert (stated.rouge1, stated.rouge_l) == (whole.rouge1, whole.rouge_l)


def test_words_count_as_often_as_both_sides_have_them() -> None:
    assert rouge("a a a", ["a b c"]).rouge1_recall == pytest.approx(1 / 3)


def test_a_point_made_of_the_question_cannot_be_recalled() -> None:
    assert point_recall(["Weights are integers."], point="Weights are integers.", question="Are weights integers?") == 0


def test_one_sentence_is_a_passage_where_there_is_no_other() -> None:
    point, question = "Weights are stored as integers.", "How?"
    assert point_recall(["Integers are weights that are stored."], point=point, question=question) == 1


def test_a_passage_of_long_sentences_has_two() -> None:
    point, question = "Weights are stored as integers.", "How?"
    filler = "and bread is baked in a hot oven until the crust is brown"
    answer = [f"We take the weights {filler}.", f"They are stored {filler}.", f"As integers {filler}."]
    # Any two neighbours have two of the three words; all three sentences are no passage.
    assert point_recall(answer, point=point, question=question) == pytest.approx(2 / 3)


@given(st.lists(st.sampled_from(["Weights are stored.", "As integers.", "Bread.", "四位整数。"]), max_size=6))
def test_recall_is_a_share(sentences: list[str]) -> None:
    assert 0 <= point_recall(sentences, point="Weights are stored as 四位整数.", question="How?") <= 1
