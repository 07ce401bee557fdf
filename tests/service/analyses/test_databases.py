"""What the analyses ask of a database, on both kinds."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from vivavoce.graders import AnswerInput, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import Rubric
from vivavoce.service.analyses import items, records
from vivavoce.service.analyses.regrades import application
from vivavoce.service.analyses.regrades.changes import Change
from vivavoce.service.candidates.listing import find_candidate, list_candidates
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Analysis, EarlierReport, Grading
from vivavoce.workers.background import run_next_job
from vivavoce.workers.job_handlers import HANDLERS

from ...rubrics.builders import edited
from ..cohort_samples import add_item, add_review, make_cohort, scored


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def test_candidates_and_figures_are_read(database: SessionFactory, rubric: Rubric) -> None:
    cohort_id = make_cohort(database)
    add_item(database, cohort_id, rubric, candidate="ann", report=scored(9.0, reach=0.5))
    reviewed = add_item(database, cohort_id, rubric, candidate="bob", report=scored(2.0, reach=0.5))
    add_review(database, reviewed, 3.5)
    with database.of("default")() as session:
        found = list_candidates(session, cohort_id, basis="all_questions")
        placed, answers = find_candidate(session, cohort_id, "bob", basis="all_questions")
        (figures,) = items.analyse_questions(session, cohort_id)
    assert [(one.standing.candidate, one.standing.total, one.tier) for one in found.placed] == [
        ("ann", 9.0, 1),
        ("bob", 3.5, 2),
    ]
    assert (placed.standing.human_total, answers[0].score_max) == (3.5, 2.5)
    assert (figures.n, figures.mean.value, figures.agreement.overrides) == (2, 5.5, 1)


def test_a_regrade_is_computed_and_applied(database: SessionFactory, rubric: Rubric, settings: Settings) -> None:
    panel = scripted_panel()
    cohort_id = make_cohort(database)
    report = grade([AnswerInput("INT8 instead of FP16")], rubric, panel)[0]
    item = add_item(database, cohort_id, rubric, candidate="ann", report=report)
    harder = edited(rubric, "criteria", 0, "points", value=0.5)
    change = Change({(rubric.question.id, "en"): harder}, 5.0, False)
    own = database.of("default")
    with own.begin() as session:
        options = {**change.write(), "hashes": {}}
        regrade_id = records.request_analysis(session, cohort_id, "regrade", options, organisation_id="default").id
    assert run_next_job(database, panel, settings, HANDLERS, owner="w")
    with own.begin() as session:
        regrade = records.find_analysis(session, cohort_id, regrade_id, "regrade", lock=True)
        application.request_application(session, regrade, grade_again=False, actor="a person")
    assert run_next_job(database, panel, settings, HANDLERS, owner="w")
    with own() as session:
        applied = session.get_one(Analysis, regrade_id)
        grading = session.get_one(Grading, item.grading_id)
        (earlier,) = session.scalars(sa.select(EarlierReport)).all()
        (listed,) = records.list_analyses(session, cohort_id, "regrade", after=None, limit=5)
        assert (
            records.list_analyses(session, cohort_id, "regrade", after=("2020-01-01T00:00:00+00:00", "0"), limit=5)
            == []
        )
    assert (applied.state, applied.error, listed.id) == ("applied", None, regrade_id)
    assert grading.report
    assert (earlier.score, grading.report.score) == (
        report.score,
        grade([AnswerInput("INT8 instead of FP16")], harder, panel)[0].score,
    )
