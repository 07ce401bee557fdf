from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from vivavoce.graders import AnswerInput
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.reading.relevance import FEATURES, RelevanceFilter, features, key_texts
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.graders.testing import HashingEmbedder
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications

from ...panels import changed, trained_classifier
from .fakes import build_rubric

# By an author who did not see the training sentences of the filter.
ELSEWHERE: dict[Language, tuple[str, ...]] = {
    "en": (
        "Beat three eggs with the sugar, fold in the flour and bake the dough for forty minutes.",
        "The home side lost two nil after their goalkeeper was sent off before half-time.",
        "Our cat prefers the warm windowsill and ignores the basket we bought for her.",
    ),
    "zh": (
        "先把三个鸡蛋和白糖打匀，再拌入面粉，烤四十分钟。",
        "上半场门将被罚下以后，主队零比二输掉了比赛。",
        "我家的猫喜欢趴在窗台上晒太阳，给它买的窝从来不睡。",
    ),
}


@cache
def _filter() -> RelevanceFilter:
    return RelevanceFilter(build_embedder(NANO_E5))


def _read(answer: str, language: Language, question: str = "quantization") -> ScreenedAnswer:
    return ScreenedAnswer.from_answer(
        AnswerInput(answer),
        default_bank().get(question, language),
        relevance=_filter(),
        classifier=trained_classifier(),
    )


def _answer(language: Language, question: str = "quantization") -> str:
    return load_qualifications()[question].answers[0].text(language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_unrelated_sentences_are_left_out_alone(
    language: Language,
) -> None:
    unread = 0
    questions = list(load_qualifications())[::13]
    for question in questions:
        answer = _answer(language, question)
        alone = _read(answer, language, question)
        for strange in ELSEWHERE[language]:
            for together in (f"{strange}\n{answer}", f"{answer}\n{strange}"):
                screened = _read(together, language, question)
                assert [sentence for sentence in screened.sentences if sentence != strange] == alone.sentences
                unread += strange in [screened.evidence(span).quote for span in screened.screening.unrelated]
    assert unread >= 0.85 * len(questions) * 6


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nine_tenths_of_good_answers_are_read(language: Language) -> None:
    read = unread = 0
    for question in list(load_qualifications())[::5]:
        screened = _read(_answer(language, question), language, question)
        read += len(screened.screening.sentences)
        unread += len(screened.screening.unrelated)
    assert unread <= 0.1 * (read + unread)


def test_an_unrelated_answer_is_read_whole() -> None:
    screened = _read(" ".join(ELSEWHERE["en"][::2]), "en", "transformer")
    assert (len(screened.sentences), screened.screening.unrelated) == (2, ())


def test_an_answer_in_another_language_is_whole() -> None:
    screened = _read(_answer("en") + " " + ELSEWHERE["en"][0], "zh")
    assert screened.screening.unrelated == ()


def test_repetitions_are_read_once() -> None:
    answer = _answer("en")
    screened = _read("\n".join([answer] * 3), "en")
    assert screened.sentences == _read(answer, "en").sentences
    assert len(screened.screening.repeated) == 2 * len(screened.sentences)


def test_no_sentences_give_no_verdicts() -> None:
    assert _filter().is_relevant([], default_bank().get("quantization", "en")) == []


KEY = "Caches keep hot data in memory. Trips to the disk are saved."


def _write_weights(path: Path, *, least: float = 0.0, intercept: float = 0.0, **weights: float) -> Path:
    data = {"weights": dict.fromkeys(FEATURES, 0.0) | weights, "intercept": intercept, "least": least}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_key_texts_are_points_levels_and_sentences(rubric: Rubric) -> None:
    texts = key_texts(rubric)
    assert texts[:4] == tuple(point.text for point in rubric.expected_points)
    assert "Names one way to quantize, such as post-training quantization." in texts
    # The lowest level describes what is missing.
    assert "Names no way to quantize." not in texts
    assert texts[-2].endswith("so the model is smaller and faster;")
    assert len(set(texts)) == len(texts)


def test_key_texts_are_normalised_sentences_of_references() -> None:
    texts = key_texts(build_rubric("缓存有什么用？", ["緩存保存数据。讀取更快。"]))
    assert texts[-2:] == ("缓存保存数据。", "读取更快。")


def test_features_are_cosine_and_logarithms_of_counts() -> None:
    rubric = build_rubric("Why use caches?", KEY)
    sentences = ["Caches keep hot data in memory.", "Caches purr.", "Ducks quack loudly here.", "the of"]
    matrix = features(sentences, rubric, HashingEmbedder())
    assert matrix.shape == (4, len(FEATURES))
    assert matrix[0] == pytest.approx([1.0, math.log(6), math.log(6)])
    assert matrix[1][1:] == pytest.approx([math.log(2), math.log(3)])
    assert matrix[2][1:] == pytest.approx([0.0, math.log(5)])
    assert matrix[3][1:] == pytest.approx([0.0, 0.0])
    assert matrix[1][0] < matrix[0][0]


def test_words_of_the_question_are_shared() -> None:
    (row,) = features(["Speed matters."], build_rubric("What is speed?", KEY), HashingEmbedder())
    assert row[1] == pytest.approx(math.log(2))


def test_features_do_not_depend_on_other_sentences() -> None:
    rubric, embedder = build_rubric("Why use caches?", KEY), HashingEmbedder()
    sentences = ["Caches purr.", "Ducks quack.", "Disk trips."]
    alone = [features([sentence], rubric, embedder)[0] for sentence in sentences]
    assert np.allclose(features(sentences, rubric, embedder), alone)


@pytest.mark.parametrize(("least", "expected"), [(0.5, [True, False]), (0.0, [True, True]), (0.7, [False, False])])
def test_log_odds_from_the_threshold_on_are_relevant(tmp_path: Path, least: float, expected: list[bool]) -> None:
    path = _write_weights(tmp_path / "w.yaml", shared=1.0, least=least)
    relevance = RelevanceFilter(HashingEmbedder(), path)
    # One shared word gives ln 2 = 0.69, none 0.
    assert relevance.is_relevant(["Caches purr.", "Ducks quack."], build_rubric("Why use it?", KEY)) == expected


def test_the_threshold_itself_is_relevant(tmp_path: Path) -> None:
    relevance = RelevanceFilter(HashingEmbedder(), _write_weights(tmp_path / "w.yaml", intercept=1.5, least=1.5))
    assert relevance.is_relevant(["Ducks quack."], build_rubric("Why use it?", KEY)) == [True]


def test_sentences_of_another_language_are_relevant(tmp_path: Path) -> None:
    relevance = RelevanceFilter(HashingEmbedder(), _write_weights(tmp_path / "w.yaml", least=99.0))
    rubric = build_rubric("Why use caches?", KEY)
    assert relevance.is_relevant(["鸭子会叫。", "猫也会叫。"], rubric) == [True, True]
    # The language is that of the whole answer.
    assert relevance.is_relevant(["鸭", "Ducks quack loudly and often."], rubric) == [False, False]


def test_the_revision_names_weights_and_embedder(tmp_path: Path) -> None:
    first = _write_weights(tmp_path / "a.yaml", shared=1.0)
    second = _write_weights(tmp_path / "b.yaml", shared=2.0)
    revision = RelevanceFilter(HashingEmbedder(), first).revision
    assert revision.split() == [revision[:12], HashingEmbedder.revision]
    assert RelevanceFilter(HashingEmbedder(), second).revision != revision
    other = changed(HashingEmbedder(), revision="2")
    assert RelevanceFilter(other, first).revision == f"{revision[:12]} 2"  # type: ignore[arg-type]
