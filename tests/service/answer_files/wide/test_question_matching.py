from __future__ import annotations

import pytest
from opencc import OpenCC

from vivavoce.rubrics import default_bank
from vivavoce.service.answer_files.wide.question_matching import Guess, QuestionFinder

BANK = default_bank()
FINDER = QuestionFinder.of_bank(BANK)
EN, ZH = (BANK.get("quantization", language).question.text for language in ("en", "zh"))  # type: ignore[arg-type]


def test_every_question_is_found_as_it_is_asked_numbered_and_in_either_script() -> None:
    to_traditional = OpenCC("s2twp").convert
    for rubric in BANK:
        question = rubric.question
        sure = Guess(question.id, is_sure=True)
        assert FINDER.find(question.text) == sure
        assert FINDER.find(f"3. {question.text} (10 points)") == sure
        assert FINDER.find(f"第3题：{to_traditional(question.text)}【必填】") == sure
        assert FINDER.find(question.id.upper()) == sure
        assert not question.handbook or FINDER.find(f"Q{question.handbook}") == sure


@pytest.mark.parametrize(
    "heading",
    [
        f"Q1\n{EN}",
        f"<b>{EN}</b>",
        EN.lower().replace(",", ""),
        EN.replace("LLM", "LLMs"),
        EN[:60],
        ZH[:20],
        f"（三）{ZH}",
        f"answer: {EN}",
        f"12345: {EN}",
    ],
)
def test_small_differences_do_not_matter(heading: str) -> None:
    assert FINDER.find(heading) == Guess("quantization", is_sure=True)


@pytest.mark.parametrize(
    "heading",
    [
        *(
            "Timestamp",
            "Name",
            "1",
            "Q1",
            "1.0",
            "Response 1",
            "序号",
            "提交答卷时间",
            "您的姓名",
            "How does",
            EN[:12],
            "",
        ),
        *("How did you hear about us?", "Explain how attention is paid to customers"),
    ],
)
def test_other_headings_are_no_questions(heading: str) -> None:
    assert FINDER.find(heading) is None


def test_a_question_that_is_only_alike_is_not_taken() -> None:
    guess = FINDER.find(EN.replace("what does it cost", "who pays for all of that in the end"))
    assert guess == Guess("quantization", is_sure=False)
