from __future__ import annotations

import pytest

from vivavoce.graders import Flag
from vivavoce.graders.graded_answers import rubric_from_reference
from vivavoce.graders.screening import Screening, screen
from vivavoce.graders.text import detect_language, normalise
from vivavoce.rubrics import Language, default_bank


def _screen(answer: str, language: Language = "en") -> Screening:
    return screen(normalise(answer), default_bank().get("transformer", language))


@pytest.mark.parametrize("answer", ["", "  \n\t", "...", "？！", "\u200b\u200d", "🙂"])
def test_nothing_to_read_is_empty(answer: str) -> None:
    assert _screen(answer).settled is Flag.EMPTY


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        ("What is the principle of the Transformer model?", "en"),
        ("Can you explain the principle of the Transformer model, please?", "en"),
        ("Transformer 模型的原理是什么？", "zh"),
    ],
)
def test_the_question_copied_is_no_answer(answer: str, language: Language) -> None:
    assert _screen(answer, language).settled is Flag.COPIED_QUESTION


@pytest.mark.parametrize(
    ("question", "key", "answer"),
    [
        ("What will happen when she closes the switch?", "The bulb will light.", "The bulb will light then."),
        (
            "Why did you get a voltage reading of 0 for terminal 6 and the positive terminal?",
            "Terminal 6 and the positive terminal are connected.",
            "terminal 6 is conncted to the positive terminal",
        ),
        ("Can the bottom element of a stack not be deleted?", "It can.", "No: the bottom element can be deleted."),
        (
            "单链表、双链表和循环单链表中，能否将节点从链表中删去？",
            "单链表不可以。",
            "双链表和循环单链表能将节点删去，而单链表不能。",
        ),
        ("GPS根据接收机的用途，可分为什么类型？", "导航型、授时型。", "GPS根据接收机的用途，可分为授时型。"),
    ],
)  # fmt: skip
def test_an_answer_in_the_question_s_own_words_is_an_answer(question: str, key: str, answer: str) -> None:
    language = detect_language(question)
    rubric = rubric_from_reference({"question": question, "reference": key, "lang": language})
    assert screen(normalise(answer), rubric).settled is None


def test_invisible_characters_are_flagged() -> None:
    assert Flag.HIDDEN_CHARACTERS in _screen("Attention\u200b weighs tokens").flags
