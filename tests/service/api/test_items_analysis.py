from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import CriterionResult, Flag, Report
from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory

from ...rubrics.builders import edited
from ..cohort_samples import add_item, add_review, make_cohort, scored
from ..keys import make_key_header
from ..samples import OTHER_ORGANISATION, make_report


def _criterion(name: str, level: int | None, *, maximum: float = 4.0, levels: int = 3) -> CriterionResult:
    if level is None:
        return CriterionResult(
            name, name, "ordinal", maximum, None, None, None, "", unscored_reason=UnscoredReason.PARSE
        )
    probabilities = tuple(float(index == level) for index in range(levels))
    return CriterionResult(name, name, "ordinal", maximum, level, maximum * level / (levels - 1), probabilities, "")


def _gate(level: int) -> CriterionResult:
    return CriterionResult("gate", "gate", "gate", 0.0, level, 0.0, (1.0 - level, float(level)), "")


def _analyse(api: TestClient, cohort_id: str) -> list[dict[str, Any]]:
    reply = api.get(f"/v1/cohorts/{cohort_id}/items-analysis")
    assert reply.status_code == 200, reply.text
    questions: list[dict[str, Any]] = reply.json()["questions"]
    return questions


@pytest.fixture
def cohort_id(sqlite_database: SessionFactory) -> str:
    return make_cohort(sqlite_database)


def test_figures_equal_those_made_by_hand(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    second = edited(rubric, "question", "id", value="second")
    # Levels of two criteria: points 0, 2, 4 each.
    levels = {"a": (0, 0), "b": (1, 0), "c": (1, 2), "d": (2, 2), "e": (2, 1)}
    scores = {"a": (2.0, 1.0), "b": (4.0, 5.0), "c": (6.0, 4.0), "d": (8.0, 9.0), "e": (5.0, 6.0)}
    items = {}
    for name, (first, other) in levels.items():
        report = scored(scores[name][0], criteria=(_criterion("x", first), _criterion("y", other), _gate(1)))
        items[name] = add_item(sqlite_database, cohort_id, rubric, candidate=name, report=report)
        add_item(sqlite_database, cohort_id, second, candidate=name, report=scored(scores[name][1]))
    for name, grade in (("a", 2.0), ("b", 4.0), ("c", 7.0), ("d", 6.0)):
        add_review(sqlite_database, items[name], grade, levels={"x": 2 if name == "c" else levels[name][0]})
    question, _ = _analyse(api, cohort_id)
    assert (question["question_id"], question["n"], question["scored"]) == ("quantization", 5, 5)
    assert question["abstentions"] == {}
    # Mean 5, standard deviation sqrt(5), half width 2.776
    assert question["mean"]["value"] == 5.0
    assert (question["mean"]["low"], question["mean"]["high"]) == pytest.approx((2.224, 7.776), abs=0.005)
    assert question["difficulty"]["value"] == 0.5
    # Covariance sum 23, variance sums 20 and 34
    assert question["item_rest"]["value"] == pytest.approx(23 / (20 * 34) ** 0.5, abs=0.0001)
    agreement = question["agreement"]
    assert (agreement["n"], agreement["overrides"]) == (4, 2)
    assert agreement["difference"]["value"] == 0.25
    # Machine 2 4 6 8, person 2 4 7 6: covariance sum 15, variance sums 20 and 14.75
    assert agreement["pearson"]["value"] == pytest.approx(15 / (20 * 14.75) ** 0.5, abs=0.0001)
    # 1 - mean square 1.25 / (5 + 3.6875 + .0625)
    assert agreement["kappa"]["value"] == pytest.approx(1 - 1.25 / 8.75, abs=0.0001)
    x, y, gate = question["criteria"]
    assert (x["criterion_id"], x["scored"], x["levels"], x["reviewed"], x["overrides"]) == ("x", 5, [1, 2, 2], 4, 1)
    # Points 0 2 2 4 4
    assert (x["mean"]["value"], x["difficulty"]["value"]) == (2.4, 0.6)
    # Rest 0 0 4 4 2: covariance sum 8, variance sums 11.2 and 16
    assert x["item_rest"]["value"] == pytest.approx(8 / (11.2 * 16) ** 0.5, abs=0.0001)
    assert y["levels"] == [2, 1, 2]
    assert gate["difficulty"] == {"value": None, "low": None, "high": None, "undefined": "no_points"}
    assert (gate["levels"], gate["item_rest"]["undefined"]) == ([0, 5], "no_points")


def test_abstentions_are_counted_and_are_no_zeros(
    api: TestClient, sqlite_database: SessionFactory, cohort_id: str, rubric: Rubric
) -> None:
    open_report = replace(make_report(score=0.0, needs_review=True, flags=(Flag.ANSWER_LOST,)), coverage=0.0)
    failed: Report = replace(
        make_report(reason=UnscoredReason.PARSE), criteria=(_criterion("x", None), _criterion("y", 2))
    )
    graded = scored(8.0, criteria=(_criterion("x", 1), _criterion("y", 2)))
    for name, report in (("a", open_report), ("b", failed), ("c", graded)):
        add_item(sqlite_database, cohort_id, rubric, candidate=name, report=report)
    add_item(sqlite_database, cohort_id, rubric, candidate="d", started=False)
    (question,) = _analyse(api, cohort_id)
    assert (question["n"], question["scored"]) == (4, 1)
    assert question["abstentions"] == {"failed": 1, "not_graded": 1, "open": 1}
    assert question["mean"] == {"value": 8.0, "low": None, "high": None, "undefined": None}
    assert question["item_rest"]["undefined"] == "no_other_question"
    assert question["agreement"]["kappa"] == {"value": None, "low": None, "high": None, "undefined": "too_few"}
    x, y = question["criteria"]
    assert (x["scored"], x["abstentions"], y["scored"], y["abstentions"]) == (1, {"parse": 1}, 2, {})


def test_an_empty_cohort_has_no_questions(api: TestClient, sqlite_database: SessionFactory, cohort_id: str) -> None:
    assert _analyse(api, cohort_id) == []
    other = make_key_header(sqlite_database, organisation_id=OTHER_ORGANISATION)
    assert api.get(f"/v1/cohorts/{cohort_id}/items-analysis", headers=other).status_code == 404
