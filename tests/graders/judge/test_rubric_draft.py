from __future__ import annotations

import json

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
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


@pytest.mark.parametrize("says", ["no JSON", "[]", '{"points": []}', '{"points": [{"title": "", "text": ""}]}'])
def test_what_is_no_list_of_points_is_a_failure(
    rubric: Rubric, stub_judge: StubJudgeServer, open_judge: OpenJudge, says: str
) -> None:
    stub_judge.says = says
    with pytest.raises(JudgeFailure) as error:
        draft_rubric(open_judge(stub_judge.url), rubric.question)
    assert error.value.reason is UnscoredReason.PARSE
