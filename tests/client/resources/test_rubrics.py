from __future__ import annotations

import pytest

from vivavoce.client import Client, Conflict

from ...graded_service import RUBRIC


def test_a_rubric_goes_its_way(client: Client) -> None:
    text = RUBRIC.read_text(encoding="utf-8").replace("id: quantization", "id: client-own")
    draft = client.rubrics.create(text)
    assert (draft.status, draft.rubric["question"]["id"]) == ("draft", "client-own")
    read = client.rubrics.read(draft.id)
    assert read.etag
    edited = client.rubrics.edit(draft.id, {**read.rubric, "notes": "read aloud"}, if_match=read.etag)
    assert edited.revision > read.revision
    with pytest.raises(Conflict):
        client.rubrics.edit(draft.id, read.rubric, if_match=read.etag)
    assert client.rubrics.lint(draft.id).can_freeze
    test = client.rubrics.test(draft.id, "INT8 takes fewer bits.")
    assert (test.state, test.report is not None) == ("finished", True)
    assert client.rubrics.read_test(draft.id, test.id).id == test.id
    assert client.rubrics.freeze(draft.id).status == "frozen"
    assert "client-own" in client.rubrics.export(draft.id, format="yaml")
    grading = client.gradings.create("INT8 takes fewer bits.", rubric_id=draft.id)
    assert client.gradings.wait(grading.id).source == "own"
    copy = client.rubrics.create({"from": {"rubric_id": draft.id}})
    assert client.rubrics.compare(copy.id, against=draft.id).effect == "none"
    client.rubrics.delete(copy.id)
    assert client.rubrics.retire(draft.id).status == "retired"
    assert [kept.id for kept in client.rubrics.list(question_id="client-own")] == [draft.id]


def test_questions_are_listed_and_read(client: Client) -> None:
    assert "quantization" in {question.id for question in client.questions.list(language="en")}
    assert client.questions.read("27.1").languages[0].id == "quantization"
    assert client.keys.read_own().key.role == "admin"
