from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from vivavoce.rubrics import Rubric


def _broken(rubric: Rubric, **changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(rubric.model_dump(mode="json"))
    data.update(changes)
    return data


def test_the_maximum_is_the_sum_of_what_gives_points(rubric: Rubric) -> None:
    assert rubric.max_points == 10


def test_every_kind_of_criterion_offers_levels(rubric: Rubric) -> None:
    found = {criterion.kind: [level.points for level in criterion.levels] for criterion in rubric.criteria}
    assert found == {"binary": [0, 2], "ordinal": [0, 2, 4], "negative": [0, -2]}


def test_levels_must_rise_and_none_is_worth_less_than_nothing(rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    data["criteria"][1]["levels"][2]["points"] = 1
    with pytest.raises(ValidationError, match="must rise"):
        Rubric.model_validate(data)
    data["criteria"][1]["levels"][0]["points"] = -1
    with pytest.raises(ValidationError, match="less than 0"):
        Rubric.model_validate(data)


def test_an_expected_point_must_count_for_a_criterion_that_is_there(rubric: Rubric) -> None:
    point = {"id": "stray", "criterion": "nowhere", "text": "x"}
    with pytest.raises(ValidationError, match="'stray' counts for criterion 'nowhere'"):
        Rubric.model_validate(_broken(rubric, expected_points=[point]))


def test_identifiers_are_unique(rubric: Rubric) -> None:
    criteria = rubric.model_dump(mode="json")["criteria"]
    with pytest.raises(ValidationError, match="appears twice"):
        Rubric.model_validate(_broken(rubric, criteria=[*criteria, criteria[0]]))


def test_a_rubric_gives_points_for_something(rubric: Rubric) -> None:
    gate = {"id": "lower", "kind": "gate", "title": "t", "statement": "s"}
    point = {"id": "p", "criterion": "lower", "text": "x"}
    with pytest.raises(ValidationError, match="no criterion gives points"):
        Rubric.model_validate(_broken(rubric, criteria=[gate], expected_points=[point]))


def test_unknown_fields_are_refused(rubric: Rubric) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        Rubric.model_validate(_broken(rubric, surprise=1))
