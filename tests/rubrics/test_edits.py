from __future__ import annotations

from typing import Any

import pytest

from vivavoce.rubrics import Effect, Rubric, compare


def edited(rubric: Rubric, *path: str | int, value: Any) -> Rubric:
    data = rubric.model_dump(mode="json")
    place: Any = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return Rubric.model_validate(data)


def without(rubric: Rubric, criterion: str) -> Rubric:
    data = rubric.model_dump(mode="json")
    data["criteria"] = [c for c in data["criteria"] if c["id"] != criterion]
    data["expected_points"] = [p for p in data["expected_points"] if p["criterion"] != criterion]
    return Rubric.model_validate(data)


def test_the_same_rubric_has_no_changes(rubric: Rubric) -> None:
    edit = compare(rubric, Rubric.model_validate_json(rubric.model_dump_json()))
    assert (edit.changes, edit.effect) == ((), Effect.NONE)


@pytest.mark.parametrize(
    ("path", "value", "effect"),
    [
        (("criteria", 0, "points"), 3, Effect.RECOMPUTE),
        (("criteria", 1, "levels", 2, "points"), 5, Effect.RECOMPUTE),
        (("criteria", 3, "points"), -1, Effect.RECOMPUTE),
        (("criteria", 0, "statement"), "The answer says something else.", Effect.STALE),
        (("criteria", 1, "levels", 1, "description"), "Names a way.", Effect.STALE),
        (("criteria", 0, "grader_notes"), "INT1 counts, too.", Effect.STALE),
        (("question", "text"), "What is quantization?", Effect.STALE),
        (("expected_points", 0, "text"), "Weights get smaller.", Effect.STALE),
        (("references", 0, "text"), "Fewer bits.", Effect.STALE),
        (("criteria", 0, "title"), "Bits", Effect.NONE),
        (("criteria", 1, "levels", 1, "name"), "Half", Effect.NONE),
        (("weights",), {"judge": 2, "rouge": 1}, Effect.RECOMPUTE),
        (("notes",), "read once more", Effect.NONE),
        (("question", "minutes"), 9, Effect.NONE),
    ],
)
def test_what_an_edit_does_to_grades(
    rubric: Rubric, path: tuple[str | int, ...], value: object, effect: Effect
) -> None:
    edit = compare(rubric, edited(rubric, *path, value=value))
    assert edit.effect is effect
    assert len(edit.changes) == 1


def test_a_criterion_that_goes_is_arithmetic_and_one_that_comes_is_not(rubric: Rubric) -> None:
    shorter = without(rubric, "loss")
    assert compare(rubric, shorter).effect is Effect.RECOMPUTE
    back = compare(shorter, rubric)
    assert (back.effect, {change.criterion for change in back.changes}) == (Effect.STALE, {"loss"})


def test_other_levels_need_another_judgement(rubric: Rubric) -> None:
    levels = [{"points": 0, "description": "None."}, {"points": 4, "description": "Some."}]
    edit = compare(rubric, edited(rubric, "criteria", 1, "levels", value=levels))
    assert (edit.effect, {change.criterion for change in edit.changes}) == (Effect.STALE, {"methods"})


def test_another_order_changes_nothing(rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    data["criteria"].reverse()
    edit = compare(rubric, Rubric.model_validate(data))
    assert edit.effect is Effect.NONE
    assert "order" in edit.changes[0].what
    data["criteria"][0]["points"] = -1
    assert any("order" in change.what for change in compare(rubric, Rubric.model_validate(data)).changes)


def test_the_strongest_change_decides(rubric: Rubric) -> None:
    changed = edited(edited(rubric, "criteria", 0, "points", value=3), "criteria", 2, "statement", value="Other.")
    edit = compare(rubric, changed)
    assert edit.effect is Effect.STALE
    assert {change.effect for change in edit.changes} == {Effect.RECOMPUTE, Effect.STALE}


def test_different_questions_are_no_versions_of_one_rubric(rubric: Rubric) -> None:
    with pytest.raises(ValueError, match="not versions of the same rubric"):
        compare(rubric, edited(rubric, "question", "id", value="other"))


def test_blanks_around_a_description_are_read_by_nobody(rubric: Rubric) -> None:
    said = rubric.criteria[1].levels[1].description
    assert compare(rubric, edited(rubric, "criteria", 1, "levels", 1, "description", value=f" {said}\n")).changes == ()


@pytest.mark.parametrize(
    ("path", "value", "seen"),
    [
        (("criteria", 0, "title"), "Bits", True),
        (("criteria", 0, "points"), 3, False),
        (("notes",), "read once more", False),
    ],
)
def test_who_is_shown_the_whole_rubric_sees_its_titles(
    rubric: Rubric, path: tuple[str | int, ...], value: object, seen: bool
) -> None:
    assert compare(rubric, edited(rubric, *path, value=value)).is_seen_by_judges is seen
