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
    points = {criterion.kind: [level.points for level in criterion.levels] for criterion in rubric.criteria}
    assert points == {"binary": [0, 2], "ordinal": [0, 2, 4], "negative": [0, -2]}


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


@pytest.mark.parametrize("field", ["expected_points", "references"])
def test_only_a_draft_may_be_incomplete(rubric: Rubric, field: str) -> None:
    incomplete = _broken(rubric, **{field: []})
    with pytest.raises(ValidationError, match="or set 'status: draft'"):
        Rubric.model_validate(incomplete)
    assert Rubric.model_validate({**incomplete, "status": "draft"}).status == "draft"


def test_only_a_draft_may_lack_descriptions(rubric: Rubric) -> None:
    data = _broken(rubric)
    data["criteria"][1]["levels"][2]["description"] = " "
    with pytest.raises(ValidationError, match="level 2 of criterion 'methods' has no description"):
        Rubric.model_validate(data)
    assert Rubric.model_validate({**data, "status": "draft"})


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"lower": 1}, "must give a level for each of: lower, methods, loss, wrong"),
        ({"lower": 1, "methods": 3, "loss": 0, "wrong": 0}, "'methods' has levels 0 to 2"),
        ({"lower": -1, "methods": 0, "loss": 0, "wrong": 0}, "'lower' has levels 0 to 1"),
        ({"lower": 1, "methods": 0, "loss": 0, "wrong": 0, "more": 0}, "must give a level"),
    ],
)
def test_examples_fit_the_criteria(rubric: Rubric, levels: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=f"graded example 1.*{message}"):
        Rubric.model_validate(_broken(rubric, examples=[{"answer": "a", "levels": levels}]))


@pytest.mark.parametrize(
    ("criterion", "message"),
    [
        ({"kind": "binary", "points": 0}, "greater than 0"),
        ({"kind": "binary", "points": 1e-308}, "points must be at least 0.01"),
        ({"kind": "binary", "points": 0.0099}, "points must be at least 0.01"),
        ({"kind": "negative", "points": -1e-9}, "points must be at most -0.01"),
        ({"kind": "binary", "points": 101}, "less than or equal to 100"),
        ({"kind": "negative", "points": 0}, "less than 0"),
        ({"kind": "gate", "cap": 1}, "less than 1"),
        ({"kind": "gate", "points": 2}, "should be 0"),
        ({"kind": "gate", "cap": -0.1}, "greater than or equal to 0"),
        ({"kind": "bonus", "points": 1}, "does not match any of the expected tags"),
    ],
)
def test_points_have_the_sign_of_their_kind(rubric: Rubric, criterion: dict[str, Any], message: str) -> None:
    criteria = rubric.model_dump(mode="json")["criteria"]
    added = {"id": "more", "title": "t", "statement": "s", **criterion}
    with pytest.raises(ValidationError, match=message):
        Rubric.model_validate(_broken(rubric, criteria=[*criteria, added]))


@pytest.mark.parametrize("name", ["Data", "a b", "a--b", "-a", "a_b", "", "a" * 65])
def test_an_identifier_is_a_slug(rubric: Rubric, name: str) -> None:
    data = _broken(rubric)
    data["question"]["id"] = name
    with pytest.raises(ValidationError, match=r"question\.id"):
        Rubric.model_validate(data)


def test_weights_need_a_signal_that_counts(rubric: Rubric) -> None:
    with pytest.raises(ValidationError, match="all weights are 0"):
        Rubric.model_validate(_broken(rubric, weights={"judge": 0}))
    with pytest.raises(ValidationError, match="verifier"):
        Rubric.model_validate(_broken(rubric, weights={"verifier": 1}))


def test_texts_are_stripped_and_not_empty(rubric: Rubric) -> None:
    data = _broken(rubric)
    data["question"]["text"] = "  How?\n"
    assert Rubric.model_validate(data).question.text == "How?"
    data["question"]["text"] = " \n"
    with pytest.raises(ValidationError, match="at least 1 character"):
        Rubric.model_validate(data)


def test_points_are_found_by_criterion_in_order(rubric: Rubric) -> None:
    assert [point.id for point in rubric.points_expected_for("methods")] == ["ptq", "qat"]
    assert rubric.points_expected_for("wrong") == ()


@pytest.mark.parametrize(
    ("origin", "is_valid"),
    [
        ({"name": "A", "crlf": True, "ranges": ["one", "two"]}, True),
        ({"name": "x" * 256}, False),
        ({"ranges": ["Not a slug"]}, False),
        ({"nested": {"a": True}}, False),
        ({f"flag-{number}": True for number in range(21)}, False),
    ],
)
def test_an_origin_holds_small_values_only(rubric: Rubric, origin: dict[str, Any], is_valid: bool) -> None:
    if is_valid:
        assert Rubric.model_validate(_broken(rubric, origin=origin)).origin is not None
    else:
        with pytest.raises(ValidationError, match="origin"):
            Rubric.model_validate(_broken(rubric, origin=origin))


def test_levels_and_weights_have_a_least_size(rubric: Rubric) -> None:
    levels = [{"points": 0, "description": "a"}, {"points": 5e-324, "description": "b"}]
    ordinal = {"id": "more", "title": "t", "kind": "ordinal", "levels": levels}
    with pytest.raises(ValidationError, match=r"points must be at least 0\.01"):
        Rubric.model_validate(_broken(rubric, criteria=[*rubric.model_dump(mode="json")["criteria"], ordinal]))
    with pytest.raises(ValidationError, match=r"a weight must be 0 or at least 0\.01"):
        Rubric.model_validate(_broken(rubric, weights={"judge": 1e-300, "rouge": 1e-300}))
