from __future__ import annotations

import pytest

from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.report.answer_key import names_for_candidates
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric, default_bank


def test_the_bank_calls_its_criteria_by_their_titles() -> None:
    for rubric in default_bank():
        titles = {criterion.id: criterion.title for criterion in rubric.criteria}
        assert names_for_candidates(rubric, rubric.question.language) == titles, rubric.question.id


@pytest.mark.parametrize(
    "title",
    ["{point}", "Whether it says: {point}", "{level}", "{reference}"],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_title_that_says_the_key_is_hidden(language: str, title: str) -> None:
    rubric = default_bank().get("distillation", language)  # type: ignore[arg-type]
    key = {
        "point": rubric.expected_points[1].text,
        "level": rubric.criteria[1].levels[-1].description,
        "reference": rubric.references[0].text,
    }
    telling = _with_title(rubric, title.format(**key))
    number = {"en": "criterion 2 of the rubric", "zh": "评分标准第 2 项"}[language]
    for sure in (4.0, 0.0, -4.0):
        panel = scripted_panel(lambda _, __, log_odds=sure: log_odds)
        (report,) = grade([AnswerInput("The answer is an answer, 回答。")], telling, panel)
        assert number in report.feedback.candidate
        assert title.format(**key) not in report.feedback.candidate
        assert telling.criteria[1].title in report.feedback.interviewer


def _with_title(rubric: Rubric, title: str) -> Rubric:
    data = rubric.model_dump(mode="json")
    data["criteria"][1]["title"] = title
    return Rubric.model_validate(data)
