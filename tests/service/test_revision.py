from __future__ import annotations

import pytest

from vivavoce.graders import AnswerInput, Panel, Report, build_panel, grade
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge
from vivavoce.rubrics import Rubric, content_hash
from vivavoce.service import lifecycle
from vivavoce.service.errors import DraftRubric
from vivavoce.service.lifecycle import NewAnswer
from vivavoce.service.revision import Revision, apply_edit
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State

from ..rubrics.test_edits import edited

ANSWER = "INT8 instead of FP16, which can cost accuracy"


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


@pytest.fixture
def panel() -> Panel:
    judge = ScriptedJudge(lambda _, name: -6.0 if name == "wrong" else 2.0)
    return build_panel(embedder=HashingEmbedder(), judge=judge, review_below=0.0)


def _graded(database: SessionFactory, rubric: Rubric, panel: Panel) -> str:
    with database.begin() as session:
        grading_id = lifecycle.submit(session, NewAnswer(rubric=rubric, answer=ANSWER)).grading.id
    with database.begin() as session:
        batch = lifecycle.claim(session, owner="a", limit=1, lease_seconds=60)
        assert batch
        lifecycle.record(session, batch.leases[0], _report(rubric, panel))
    return grading_id


def _report(rubric: Rubric, panel: Panel) -> Report:
    return grade([AnswerInput(ANSWER)], rubric, panel)[0]


def _apply(database: SessionFactory, rubric: Rubric, *, regrade: bool = False) -> list[Revision]:
    with database.begin() as session:
        return apply_edit(session, rubric, regrade=regrade)


def test_other_points_are_recomputed_without_a_judge(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    grading_id = _graded(database, rubric, panel)
    calls = panel.judge.calls  # type: ignore[attr-defined]
    new = edited(rubric, "criteria", 0, "points", value=1)
    (revision,) = _apply(database, new)
    assert (revision.recomputed, revision.stale, revision.regraded) == (1, 0, 0)
    assert revision.old_hash == content_hash(rubric)
    assert panel.judge.calls == calls  # type: ignore[attr-defined]
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert grading.report
        assert grading.report.score == _report(new, panel).score
        assert grading.report.document["provenance"]["rubric_hash"] == content_hash(new)
        assert grading.rubric_version.content_hash == content_hash(new)
        assert State(grading.state) is State.GRADED
    assert _apply(database, new) == []


def test_other_words_flag_the_grade_and_leave_it(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    grading_id = _graded(database, rubric, panel)
    new = edited(rubric, "criteria", 0, "statement", value="The answer says INT8.")
    (revision,) = _apply(database, new)
    assert (revision.recomputed, revision.stale) == (0, 1)
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert grading.report
        assert "rubric_changed" in grading.report.document["flags"]
        assert grading.report.score == _report(rubric, panel).score
        assert State(grading.state) is State.NEEDS_REVIEW
        assert grading.rubric_version.content_hash == content_hash(rubric)
    assert _apply(database, new) == []


def test_stale_grades_are_graded_again_when_that_is_wanted(
    database: SessionFactory, rubric: Rubric, panel: Panel
) -> None:
    grading_id = _graded(database, rubric, panel)
    new = edited(rubric, "criteria", 0, "statement", value="The answer says INT8.")
    _apply(database, new)
    (revision,) = _apply(database, new, regrade=True)
    assert revision.regraded == 1
    with database.begin() as session:
        grading = lifecycle.get(session, grading_id)
        assert (State(grading.state), grading.report) == (State.QUEUED, None)
        batch = lifecycle.claim(session, owner="b", limit=1, lease_seconds=60)
        assert batch
        assert content_hash(Rubric.model_validate(batch.rubric_document)) == content_hash(new)


def test_answers_that_wait_and_other_questions_are_left_alone(
    database: SessionFactory, rubric: Rubric, panel: Panel
) -> None:
    with database.begin() as session:
        lifecycle.submit(session, NewAnswer(rubric=rubric, answer=ANSWER))
    assert _apply(database, edited(rubric, "criteria", 0, "points", value=1)) == []
    assert _apply(database, edited(rubric, "question", "id", value="other")) == []


def test_a_draft_is_applied_to_nothing(database: SessionFactory, rubric: Rubric) -> None:
    with pytest.raises(DraftRubric, match="freeze"):
        _apply(database, edited(rubric, "status", value="draft"))
