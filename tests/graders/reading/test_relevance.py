from __future__ import annotations

from functools import cache

import pytest

from vivavoce.graders import AnswerInput
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.reading.relevance import RelevanceFilter
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.rubrics import Language, default_bank, load_qualifications

from ...panels import trained_classifier

# By somebody who has not seen what the filter was fitted to.
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
        AnswerInput(answer), default_bank().get(question, language), relevance=_filter(), kinds=trained_classifier()
    )


def _answer(language: Language, question: str = "quantization") -> str:
    return load_qualifications()[question].answers[0].text(language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_bears_on_nothing_that_is_asked_for_is_hardly_ever_read_and_changes_nothing_of_the_rest(
    language: Language,
) -> None:
    unread = 0
    questions = list(load_qualifications())[::13]
    for question in questions:
        answer = _answer(language, question)
        alone = _read(answer, language, question)
        for strange in ELSEWHERE[language]:
            for together in (f"{strange}\n{answer}", f"{answer}\n{strange}"):
                found = _read(together, language, question)
                assert [said for said in found.sentences if said != strange] == alone.sentences
                unread += strange in [found.evidence(span).quote for span in found.screening.unrelated]
    assert unread >= 0.85 * len(questions) * 6


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nine_tenths_of_good_answers_of_the_bank_are_read(language: Language) -> None:
    read = unread = 0
    for question in list(load_qualifications())[::5]:
        found = _read(_answer(language, question), language, question)
        read += len(found.screening.sentences)
        unread += len(found.screening.unrelated)
    assert unread <= 0.1 * (read + unread)


def test_an_answer_that_bears_on_nothing_is_read_whole() -> None:
    found = _read(" ".join(ELSEWHERE["en"][::2]), "en", "transformer")
    assert (len(found.sentences), found.screening.unrelated) == (2, ())


def test_an_answer_in_another_language_than_the_rubric_is_read_whole() -> None:
    found = _read(_answer("en") + " " + ELSEWHERE["en"][0], "zh")
    assert found.screening.unrelated == ()


def test_what_is_said_again_is_read_once() -> None:
    answer = _answer("en")
    found = _read("\n".join([answer] * 3), "en")
    assert found.sentences == _read(answer, "en").sentences
    assert len(found.screening.repeated) == 2 * len(found.sentences)


def test_no_sentence_is_asked_about_in_vain() -> None:
    assert _filter().is_relevant([], default_bank().get("quantization", "en")) == []
