from __future__ import annotations

from typing import Any

import pytest

from vivavoce.graders import AnswerInput, JudgeFailure, Panel, Report, UnscoredReason, build_panel, grade
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import HashingEmbedder, ScriptedJudge, WordVerifier
from vivavoce.rubrics import Effect, Rubric, content_hash
from vivavoce.service.errors import DraftRubric
from vivavoce.service.gradings import lifecycle, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.own_rubrics.edits import Revision, apply_edit
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import AuditRepository, RubricVersionRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, RubricVersion, State

from ...rubrics.test_edits import edited, without
from ..samples import OTHER_ORGANISATION, add_organisation, audited_kinds, bring_to, read_grading

ANSWER = "INT8 instead of FP16, which can cost accuracy"


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


@pytest.fixture
def panel() -> Panel:
    judge = ScriptedJudge(lambda _, name: -6.0 if name == "wrong" else 2.0)
    return build_panel(embedder=HashingEmbedder(), verifier=WordVerifier(), judge=judge, review=ReviewPolicy(below=0.0))


def _graded(database: SessionFactory, rubric: Rubric, panel: Panel) -> str:
    with database.begin() as session:
        grading_id = submission.submit(session, NewAnswer(rubric=rubric, answer=ANSWER)).grading.id
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


def test_stale_grades_are_regraded_on_request(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
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


def test_open_gradings_and_other_questions_stay(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    with database.begin() as session:
        submission.submit(session, NewAnswer(rubric=rubric, answer=ANSWER))
    assert _apply(database, edited(rubric, "criteria", 0, "points", value=1)) == []
    assert _apply(database, edited(rubric, "question", "id", value="other")) == []


def test_a_draft_is_applied_to_nothing(database: SessionFactory, rubric: Rubric) -> None:
    with pytest.raises(DraftRubric, match="freeze"):
        _apply(database, edited(rubric, "status", value="draft"))


def test_undoing_an_edit_removes_its_flag(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    grading_id = _graded(database, rubric, panel)
    with database() as session:
        before = lifecycle.get(session, grading_id).report
        assert before
    _apply(database, edited(rubric, "criteria", 0, "statement", value="The answer says INT8."))
    assert _apply(database, rubric)[0].recomputed == 1
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert grading.report
        assert (State(grading.state), grading.report.document) == (State.GRADED, before.document)
    assert _apply(database, rubric) == []


def test_new_points_remove_the_flag_of_new_words(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    grading_id = _graded(database, rubric, panel)
    _apply(database, edited(rubric, "criteria", 0, "statement", value="The answer says INT8."))
    _apply(database, edited(rubric, "criteria", 0, "points", value=1))
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert grading.report
        assert (State(grading.state), grading.report.document["flags"]) == (State.GRADED, [])


def test_only_named_versions_are_replaced(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    nine_points = edited(rubric, "criteria", 0, "points", value=9)
    _graded(database, nine_points, panel)
    _graded(database, rubric, panel)
    new = edited(rubric, "criteria", 0, "points", value=1)
    with database.begin() as session:
        (revision,) = apply_edit(session, new, replacing={content_hash(rubric)})
    assert revision.old_hash == content_hash(rubric)


def test_a_failure_goes_with_the_criterion_that_failed(database: SessionFactory, rubric: Rubric) -> None:
    def script(_: str, name: str) -> float | JudgeFailure:
        return JudgeFailure(UnscoredReason.PARSE, "no verdict") if name == "loss" else 2.0

    failing = build_panel(
        embedder=HashingEmbedder(), verifier=WordVerifier(), judge=ScriptedJudge(script), review=ReviewPolicy(below=0.0)
    )
    grading_id = _graded(database, rubric, failing)
    _apply(database, without(rubric, "loss"))
    with database() as session:
        grading = lifecycle.get(session, grading_id)
        assert (State(grading.state), grading.reason, grading.detail) == (State.GRADED, None, None)


def test_an_older_report_is_flagged_and_regraded(database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    grading_id = _graded(database, rubric, panel)
    with database.begin() as session:
        report = lifecycle.get(session, grading_id).report
        assert report
        provenance = {k: v for k, v in report.document["provenance"].items() if k != "quorum"}
        report.document = {**report.document, "provenance": provenance}
    new = edited(rubric, "criteria", 0, "points", value=1)
    assert [revision.stale for revision in _apply(database, new)] == [1]
    assert _apply(database, new) == []
    assert [revision.regraded for revision in _apply(database, new, regrade=True)] == [1]


def test_a_version_stored_concurrently_is_used(
    database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as session:
        first = submission.rubric_version(session, rubric, organisation_id=DEFAULT_ORGANISATION).id
    looked: list[bool] = []
    look = RubricVersionRepository.by_content

    def too_early(self: RubricVersionRepository, *arguments: Any, **named: Any) -> RubricVersion | None:
        looked.append(True)
        return None if len(looked) == 1 else look(self, *arguments, **named)

    monkeypatch.setattr(RubricVersionRepository, "by_content", too_early)
    with database.begin() as session:
        assert submission.rubric_version(session, rubric, organisation_id=DEFAULT_ORGANISATION).id == first


STALE = ("criteria", 0, "statement", "The answer says INT8.")
TITLE = ("criteria", 0, "title", "Bits")


def _edit(rubric: Rubric, change: tuple[str | int, ...]) -> Rubric:
    return edited(rubric, *change[:-1], value=change[-1])


@pytest.mark.parametrize(
    ("before", "after"),
    [(State.GRADED, State.NEEDS_REVIEW), (State.NEEDS_REVIEW, State.NEEDS_REVIEW), (State.FAILED, State.FAILED)],
)
def test_a_stale_grade_needs_review_unless_it_failed(
    sqlite_database: SessionFactory, rubric: Rubric, before: State, after: State
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, before)
    (revision,) = _apply(sqlite_database, _edit(rubric, STALE))
    assert (revision.recomputed, revision.stale, revision.regraded) == (0, 1, 0)
    grading = read_grading(sqlite_database, grading_id)
    assert grading.report
    assert State(grading.state) is after
    assert (grading.report.document["flags"], grading.report.document["needs_review"]) == (["rubric_changed"], True)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.DEAD, State.CANCELLED])
@pytest.mark.parametrize("regrade", [False, True])
def test_a_grading_without_a_report_is_left_alone(
    sqlite_database: SessionFactory, rubric: Rubric, state: State, regrade: bool
) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, state)
    assert _apply(sqlite_database, _edit(rubric, STALE), regrade=regrade) == []
    grading = read_grading(sqlite_database, grading_id)
    assert (State(grading.state), grading.rubric_version.content_hash) == (state, content_hash(rubric))


def test_a_new_title_moves_the_grade(sqlite_database: SessionFactory, rubric: Rubric, panel: Panel) -> None:
    grading_id = _graded(sqlite_database, rubric, panel)
    score = _report(rubric, panel).score
    new = _edit(rubric, TITLE)
    (revision,) = _apply(sqlite_database, new)
    assert (revision.recomputed, revision.stale) == (1, 0)
    grading = read_grading(sqlite_database, grading_id)
    assert grading.report
    assert grading.rubric_version.content_hash == content_hash(new)
    assert grading.report.document["provenance"]["rubric_hash"] == content_hash(new)
    assert grading.report.document["criteria"][0]["title"] == "Bits"
    assert (State(grading.state), grading.report.score) == (State.GRADED, score)


def test_regrading_starts_anew_under_the_new_version(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    new = _edit(rubric, STALE)
    grading_id, _ = bring_to(sqlite_database, rubric, State.FAILED)
    (revision,) = _apply(sqlite_database, new, regrade=True)
    assert (revision.stale, revision.regraded) == (0, 1)
    grading = read_grading(sqlite_database, grading_id)
    assert (State(grading.state), grading.reason, grading.attempt) == (State.QUEUED, None, 0)
    assert grading.rubric_version.content_hash == content_hash(new)
    assert audited_kinds(sqlite_database, grading_id) == ["grading_failed", "grading_requeued"]


def test_replacing_no_version_changes_nothing(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    bring_to(sqlite_database, rubric, State.GRADED)
    with sqlite_database.begin() as session:
        assert apply_edit(session, _edit(rubric, STALE), replacing=()) == []


def test_other_languages_and_organisations_are_left_alone(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    add_organisation(sqlite_database)
    bring_to(sqlite_database, rubric, State.GRADED)
    new = _edit(rubric, STALE)
    with sqlite_database.begin() as session:
        assert apply_edit(session, new, organisation_id=OTHER_ORGANISATION) == []
        assert apply_edit(session, edited(new, "question", "language", value="zh")) == []


def test_each_version_is_a_revision_of_its_own(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    versions = [rubric, edited(rubric, "criteria", 0, "points", value=3)]
    for version, count in zip(versions, (2, 1), strict=True):
        for _ in range(count):
            bring_to(sqlite_database, version, State.GRADED)
    revisions = _apply(sqlite_database, _edit(rubric, STALE))
    assert [(revision.old_hash, revision.stale) for revision in revisions] == [
        (content_hash(versions[0]), 2),
        (content_hash(versions[1]), 1),
    ]
    assert {revision.edit.effect for revision in revisions} == {Effect.STALE}


def test_an_edit_is_audited_with_both_versions(sqlite_database: SessionFactory, rubric: Rubric) -> None:
    grading_id, _ = bring_to(sqlite_database, rubric, State.GRADED)
    new = _edit(rubric, STALE)
    _apply(sqlite_database, new)
    with sqlite_database() as session:
        events = AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=rubric.question.id, limit=9)
    assert [event.details for event in events] == [
        {
            "language": "en",
            "old_hash": content_hash(rubric),
            "new_hash": content_hash(new),
            "recomputed": 0,
            "stale": 1,
            "regraded": 0,
        }
    ]
    assert audited_kinds(sqlite_database, grading_id) == ["report_written", "report_written"]
