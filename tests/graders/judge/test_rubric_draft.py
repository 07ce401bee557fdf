from __future__ import annotations

import json

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.prompt import load_template
from vivavoce.graders.judge.rubric_draft import draft_rubric
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric

from .conftest import OpenJudge

POINTS = [
    {"title": "Fewer bits", "text": "Weights are kept in fewer bits.", "importance": "core"},
    {"title": "精度", "text": "The price is accuracy.", "importance": "optional"},
    {"title": "Fewer bits", "text": "It needs less memory.", "importance": "core"},
    {"title": "Again", "text": "It needs less memory.", "importance": "core"},
]


def test_each_point_becomes_a_criterion_of_a_draft(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.says = json.dumps({"points": POINTS})
    draft = draft_rubric(open_judge(stub_judge.url), rubric.question)
    assert draft.status == "draft"
    assert [(c.id, c.points) for c in draft.criteria] == [("fewer-bits", 2.0), ("point-2", 1.0), ("fewer-bits-3", 2.0)]
    assert [point.text for point in draft.expected_points] == [point["text"] for point in POINTS[:3]]
    (prompt,) = stub_judge.prompts
    assert rubric.question.text in prompt[1]["content"]


def test_a_reference_is_shown_and_kept(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    stub_judge.says = json.dumps({"points": POINTS})
    draft = draft_rubric(open_judge(stub_judge.url), rubric.question, reference="All there is to say.")
    assert "All there is to say." in stub_judge.prompts[0][1]["content"]
    assert draft.references[0].text == "All there is to say."


def test_the_first_of_equal_points_is_kept(rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge) -> None:
    later = {"title": "Bits again", "text": " Weights are kept in fewer bits.\n", "importance": "optional"}
    stub_judge.says = json.dumps({"points": [*POINTS[:3], later]})
    draft = draft_rubric(open_judge(stub_judge.url), rubric.question)
    assert [criterion.title for criterion in draft.criteria] == ["Fewer bits", "精度", "Fewer bits"]
    assert [point.importance for point in draft.expected_points] == ["core", "optional", "core"]


def test_without_a_reference_the_points_stand_in(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.says = json.dumps({"points": POINTS[:2]})
    draft = draft_rubric(open_judge(stub_judge.url), rubric.question)
    assert draft.references[0].text == "Weights are kept in fewer bits. The price is accuracy."
    assert "stub" in draft.notes


def test_a_draft_is_in_the_questions_language(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge
) -> None:
    stub_judge.says = json.dumps({"points": POINTS})
    chinese = rubric.question.model_copy(update={"language": "zh"})
    draft = draft_rubric(open_judge(stub_judge.url), chinese, least=2, most=5)
    template = load_template("zh", "compile")
    system, user = stub_judge.prompts[0]
    assert system["content"] == template["instructions"]
    assert user["content"] == template["points-wanted"].format(question=chinese.text, least=2, most=5)
    assert draft.criteria[0].levels[-1].description == template["statement"].format(text=POINTS[0]["text"])


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("no JSON", "did not reply with points"),
        ("[]", "did not reply with points"),
        ('{"points": 3}', "did not reply with points"),
        ('{"points": [{"title": "t", "text": "x"}]}', "did not reply with points"),
        ('{"points": []}', "empty points"),
        ('{"points": [{"title": " ", "text": "x", "importance": "core"}]}', "empty points"),
        ('{"points": [{"title": "t", "text": "x", "importance": "huge"}]}', "do not form a rubric"),
    ],
)
def test_other_replies_are_parse_failures(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, says: str, words: str
) -> None:
    stub_judge.says = says
    with pytest.raises(JudgeFailure, match=words) as error:
        draft_rubric(open_judge(stub_judge.url), rubric.question)
    assert error.value.reason is UnscoredReason.PARSE
