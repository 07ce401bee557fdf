from __future__ import annotations

import pytest

from vivavoce.evaluation.graded_answers import rubric_from_reference
from vivavoce.graders import Flag
from vivavoce.graders.reading.normal_text import normalise
from vivavoce.graders.reading.placeholders import is_error_value, is_placeholder
from vivavoce.graders.reading.screening import screen
from vivavoce.rubrics import Rubric, default_bank

PLACEHOLDERS = [
    "No response", "no answer given.", "(Empty submission)", "BLANK  ANSWER WAS PROVIDED!", "not attempted",
    "never submitted", "left blank", "N/A", "n/a", "NA", "n.a.", "None", "NULL", "nil", "nan", "NaN", "undefined",
    "Skipped",
    "skip", "No attempt", "no attempt made", "(blank)", "[empty]", "TBD", "TODO", "Did not answer", "unanswered",
    "(none)",
    "<null>", "not applicable",
    "未作答", "本题未回答。", "此题没有提交", "没答", "无内容", "（空白）", "略", "无", "無", "暂无", "暫無", "没有",
    "沒有", "空",
    "不适用", "不適用", "未填写", "待补充", "缺考", "放弃作答", "【无】", "略过", "无数据",
]  # fmt: skip


def _rubric(question: str, reference: str) -> Rubric:
    return rubric_from_reference({"question": question, "reference": reference, "lang": "en", "max_score": 1})


@pytest.mark.parametrize("answer", PLACEHOLDERS)
@pytest.mark.parametrize("form", ["{}", "<p>{}</p>", "  {}\n"])
def test_placeholders_are_non_answers(answer: str, form: str) -> None:
    written = form.format(answer.replace("<", "&lt;") if "<p>" in form else answer)
    language = "en" if answer.isascii() else "zh"
    assert screen(normalise(written), default_bank().get("quantization", language)).settled is Flag.NON_ANSWER


@pytest.mark.parametrize(
    "answer",
    [
        "", "...", "No response from the server", "The answer is left blank", "略有不同", "空白字符", "no", "无监督",
        "空间",
        "None of them", "NULL pointers", "nan values spread", "NAND", "没有额外空间", "skip connections",
    ],
)  # fmt: skip
def test_other_answers_are_no_placeholders(answer: str) -> None:
    assert not is_placeholder(answer)


@pytest.mark.parametrize(
    ("question", "reference", "answer"),
    [
        ("What does a dead server send?", "There is no response at all.", "No response."),
        ("What does a function without return give in Python?", "It gives None.", "None"),
        ("What is a pointer to nothing?", "NULL", "NULL"),
        ("What is 0/0 in IEEE 754?", "NaN", "nan"),
        ("What does Excel show for a failed lookup?", "It shows #N/A.", "#N/A"),
        ("有没有额外空间开销？", "不需要。", "没有"),
        ("还需要什么？", "无。", "无"),
    ],
)
def test_what_the_key_asks_for_is_an_answer(question: str, reference: str, answer: str) -> None:
    assert screen(normalise(answer), _rubric(question, reference)).settled is None


@pytest.mark.parametrize(
    "answer", ["#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", " #ref! ", "<p>#REF!</p>", "#SPILL!"]
)
def test_an_error_value_is_a_lost_answer(answer: str, rubric: Rubric) -> None:
    screening = screen(normalise(answer), rubric)
    assert (screening.settled, screening.flags) == (Flag.ANSWER_LOST, (Flag.ANSWER_LOST,))


def test_words_beside_an_error_value_are_an_answer() -> None:
    assert not is_error_value("#REF! appears when a cell is gone")
    assert not is_error_value("#include <x>")
