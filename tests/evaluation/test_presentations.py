from __future__ import annotations

import itertools

import pytest

from vivavoce.evaluation.presentations import PRESENTATIONS
from vivavoce.graders import AnswerInput
from vivavoce.graders.reading.screened_answer import ScreenedAnswer
from vivavoce.rubrics import Rubric, default_bank, load_qualifications


def _list_answers(count: int) -> list[tuple[Rubric, str]]:
    """Qualification answers to different questions, in both languages by turns."""
    answers = (
        (default_bank().get(name, language), qualification.answers[number % len(qualification.answers)].text(language))
        for number, (name, qualification) in enumerate(load_qualifications().items())
        for language in ("en", "zh")
    )
    return list(itertools.islice(answers, count))


@pytest.mark.parametrize("name", PRESENTATIONS)
def test_the_models_read_the_same_sentences(name: str) -> None:
    answers = _list_answers(100)
    read = [
        [
            ScreenedAnswer.from_answer(AnswerInput(text), rubric).sentences
            for text in (answer, PRESENTATIONS[name](answer))
        ]
        for rubric, answer in answers
    ]
    assert sum(plain == presented for plain, presented in read) >= 0.97 * len(answers)
