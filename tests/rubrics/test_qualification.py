from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vivavoce.rubrics import (
    InvalidRubric,
    Language,
    QualificationSet,
    Rubric,
    default_bank,
    load_qualification,
    load_qualifications,
)

LEVELS = {
    "excellent": {"lower": 1, "methods": 2, "loss": 1, "wrong": 0},
    "adequate": {"lower": 1, "methods": 1, "loss": 0, "wrong": 0},
    "weak": {"lower": 0, "methods": 1, "loss": 0, "wrong": 0},
    "wrong": {"lower": 0, "methods": 0, "loss": 0, "wrong": 1},
}


def document(**changes: Any) -> dict[str, Any]:
    answers = [
        {"level": quality, "criteria": levels, "en": f"{quality} answer", "zh": f"{quality}回答"}
        for quality, levels in LEVELS.items()
    ]
    return {"question": "quantization", "answers": answers, **changes}


def test_grades_follow_from_levels(rubric: Rubric) -> None:
    answer_set = QualificationSet.model_validate(document())
    assert [answer.grade(rubric) for answer in answer_set.answers] == [10, 6, 2, 0]
    assert answer_set.answers[0].text("zh") == "excellent回答"


@pytest.mark.parametrize(
    ("quality", "cap", "grade"), [("excellent", 0.3, 3), ("adequate", 0.5, 5), ("adequate", 0.7, 6), ("weak", 0.5, 2)]
)
def test_a_gate_that_is_not_met_caps_the_grade(rubric: Rubric, quality: str, cap: float, grade: float) -> None:
    data = rubric.model_dump(mode="json")
    data["criteria"].append({"id": "on-topic", "kind": "gate", "title": "t", "statement": "s", "cap": cap})
    answer = QualificationSet.model_validate(document()).answers[0]
    capped = answer.model_copy(update={"criteria": {**LEVELS[quality], "on-topic": 0}})
    assert capped.grade(Rubric.model_validate(data)) == grade


def test_levels_that_the_rubric_does_not_have_are_told(rubric: Rubric) -> None:
    answer = QualificationSet.model_validate(document()).answers[0]
    with pytest.raises(InvalidRubric, match="must give a level for each of: lower, methods, loss, wrong"):
        answer.model_copy(update={"criteria": {"lower": 1}}).grade(rubric)
    with pytest.raises(InvalidRubric, match="'methods' has levels 0 to 2"):
        answer.model_copy(update={"criteria": {**LEVELS["excellent"], "methods": 3}}).grade(rubric)


def test_every_quality_is_there(tmp_path: Path) -> None:
    file = tmp_path / "quantization.yaml"
    answers = document()["answers"]
    file.write_text(yaml.safe_dump(document(answers=[*answers[:3], answers[0]])), encoding="utf-8")
    with pytest.raises(InvalidRubric, match="no answer that is wrong"):
        load_qualification(file)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_length_of_an_answer_tells_nothing_of_what_it_reaches(language: Language) -> None:
    """By level above the lowest of what earns points; more than .5 would say that longer answers are better."""
    metrics = pytest.importorskip("sklearn.metrics")
    bank = default_bank()
    lengths: list[int] = []
    reached: list[bool] = []
    for question, answer_set in load_qualifications().items():
        for answer in answer_set.answers:
            for criterion in bank.get(question, language).criteria:
                steps = range(1, len(criterion.levels) if criterion.kind != "negative" else 1)
                lengths += [len(answer.text(language)) for _ in steps]
                reached += [answer.criteria[criterion.id] >= step for step in steps]
    assert 0.45 <= metrics.roc_auc_score(reached, lengths) <= 0.55


def test_every_question_has_answers_of_any_length() -> None:
    wanted = {("excellent", "concise"), ("weak", "verbose"), ("wrong", "verbose"), ("wrong", "concise")}
    for question, answer_set in load_qualifications().items():
        kinds = {(answer.level, answer.style) for answer in answer_set.answers}
        assert wanted | {("empty-handed", "usual")} <= kinds, question
        assert len({answer.author for answer in answer_set.answers}) >= 3, question
        excellent = [answer for answer in answer_set.answers if answer.level == "excellent"]
        (usual,) = (answer for answer in excellent if answer.style == "usual")
        (concise,) = (answer for answer in excellent if answer.style == "concise")
        assert len(concise.en) < 0.7 * len(usual.en), question
