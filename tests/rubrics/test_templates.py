from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vivavoce.rubrics import Language, Question, load_rubric
from vivavoce.rubrics.templates import TEMPLATES, fill_template, unfilled


def _question(language: Language, text: str) -> Question:
    return Question(
        id="quantization", text=text, language=language, topic="general", difficulty="intermediate", minutes=5
    )


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_template_is_a_draft_of_a_rubric(tmp_path: Path, name: str, language: Language) -> None:
    question = _question(language, "How does it work?" if language == "en" else "它如何工作？")
    file = tmp_path / "draft.yaml"
    file.write_text(fill_template(name, question), encoding="utf-8")
    rubric = load_rubric(file)
    assert (rubric.status, rubric.max_points) == ("draft", 10)
    assert (rubric.question.id, rubric.question.language) == ("quantization", language)
    assert rubric.question.text == question.text
    assert unfilled(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", ['Say "yes": {id}?', "a: b # c", "- [x]\\n", "第一行\n第二行", "{text}", "'"])
def test_a_question_may_have_any_characters(text: str) -> None:
    data = yaml.safe_load(fill_template("knowledge", _question("en", text)))
    assert data["question"]["text"] == _question("en", text).text


def test_only_placeholders_of_templates_are_unfilled() -> None:
    template = fill_template("star", _question("en", "Tell me about a conflict."))
    marks = unfilled(template)
    assert len(set(marks)) == len(marks) > 1
    assert all(mark.startswith("⟨") and mark.endswith("⟩") for mark in marks)
    assert unfilled(f"{marks[1]} and ⟨x, y⟩, {marks[0]} and again {marks[1]}") == [marks[1], marks[0]]
    assert unfilled("the inner product ⟨x, y⟩") == []
