from __future__ import annotations

import pytest

from vivavoce.evaluation.graded_answers import rubric_from_reference
from vivavoce.graders import Flag
from vivavoce.graders.reading.normal_text import detect_language, normalise
from vivavoce.graders.reading.screening import Screening, screen
from vivavoce.rubrics import Language, default_bank

from ...panels import trained_classifier


def _screen(answer: str, language: Language = "en") -> Screening:
    return screen(normalise(answer), default_bank().get("transformer", language), trained_classifier())


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
    assert screen(normalise(answer), rubric, trained_classifier()).settled is None


def test_invisible_characters_are_flagged() -> None:
    assert Flag.HIDDEN_CHARACTERS in _screen("Attention\u200b weighs tokens").flags


@pytest.mark.parametrize(
    ("filler", "answer", "language"),
    [
        (
            "Thank you for this question. {} I hope that this makes sense.",
            "Self-attention lets every token look at every other one.",
            "en",
        ),
        ("感谢您的提问。{}以上就是我的回答。", "自注意力让每个词元都能看到其他词元。", "zh"),
    ],
)
def test_talk_around_an_answer_is_not_read(filler: str, answer: str, language: Language) -> None:
    said = normalise(filler.format(answer))
    found = screen(said, default_bank().get("transformer", language), trained_classifier())
    assert [said.text[start:end] for start, end in found.sentences] == [answer]
    assert len(found.filler) == 2
    assert not found.flags


@pytest.mark.parametrize("answer", ["I agree.", "Thank you for this question. I hope that this makes sense."])
def test_talk_alone_is_read_after_all(answer: str) -> None:
    found = _screen(answer)
    assert found.settled is None
    assert found.sentences
    assert not found.filler


def test_what_has_a_word_of_the_key_that_talk_has_not_is_never_talk() -> None:
    filler = "Let me come to the tokens now."
    said = normalise(f"{filler} They attend to others.")
    of_tokens = rubric_from_reference({"question": "What attends?", "reference": "The tokens.", "lang": "en"})
    of_layers = rubric_from_reference({"question": "What attends?", "reference": "The layers.", "lang": "en"})
    assert not screen(said, of_tokens, trained_classifier()).filler
    assert [said.text[start:end] for start, end in screen(said, of_layers, trained_classifier()).filler] == [filler]


@pytest.mark.parametrize("figure", ["42", "`x`", "run()", "while (!"])
def test_figures_and_code_are_never_talk(figure: str) -> None:
    assert not _screen(f"So, as I said: {figure}\nTokens attend to tokens.").filler
