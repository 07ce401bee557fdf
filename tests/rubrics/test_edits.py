from __future__ import annotations

import pytest

from vivavoce.rubrics import Effect, Rubric, compare

from .builders import GATE, edited, translated, with_criterion, without


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


def test_only_a_removed_criterion_is_arithmetic(rubric: Rubric) -> None:
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


def test_blanks_around_a_description_change_nothing(rubric: Rubric) -> None:
    padded = f" {rubric.criteria[1].levels[1].description}\n"
    assert compare(rubric, edited(rubric, "criteria", 1, "levels", 1, "description", value=padded)).changes == ()


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


@pytest.mark.parametrize(
    ("path", "value", "criterion", "words"),
    [
        (("question", "text"), "What is quantization?", "", "the question is worded differently"),
        (("references", 0, "text"), "Fewer bits.", "", "the reference answers differ"),
        (("question", "topic"), "training", "", "topic, difficulty, time or handbook number differs"),
        (("criteria", 0, "statement"), "Other.", "lower", "criterion 'lower' is worded differently"),
        (("criteria", 3, "points"), -1, "wrong", "criterion 'wrong' has other points"),
        (("criteria", 1, "levels", 1, "name"), "Half", "methods", "the levels of criterion 'methods' have other names"),
        (("expected_points", 3, "text"), "Less.", "loss", "the expected points for 'loss' differ"),
    ],
)
def test_a_change_says_what_it_is_about(
    rubric: Rubric, path: tuple[str | int, ...], value: object, criterion: str, words: str
) -> None:
    (change,) = compare(rubric, edited(rubric, *path, value=value)).changes
    assert (change.criterion, change.what) == (criterion, words)


def test_examples_are_read_by_the_judge(rubric: Rubric) -> None:
    example = {"answer": "INT8.", "levels": {"lower": 1, "methods": 0, "loss": 0, "wrong": 0}}
    edit = compare(rubric, edited(rubric, "examples", value=[example]))
    assert (edit.effect, edit.changes[0].what) == (Effect.STALE, "the graded examples differ")


def test_the_cap_of_a_gate_is_arithmetic(rubric: Rubric) -> None:
    first, second = (with_criterion(rubric, {**GATE, "cap": cap}) for cap in (0.5, 0.4))
    edit = compare(first, second)
    assert (edit.effect, [change.criterion for change in edit.changes]) == (Effect.RECOMPUTE, ["gate"])


def test_another_kind_needs_another_judgement(rubric: Rubric) -> None:
    negative = {"id": "loss", "kind": "negative", "title": "t", "statement": "s", "points": -1}
    changed = edited(edited(rubric, "criteria", 1, "levels", 2, "points", value=6), "criteria", 2, value=negative)
    effects = {change.criterion: change.effect for change in compare(rubric, changed).changes}
    assert effects == {"methods": Effect.RECOMPUTE, "loss": Effect.STALE}


def test_points_of_a_new_criterion_are_no_change_of_their_own(rubric: Rubric) -> None:
    edit = compare(without(rubric, "loss"), rubric)
    assert [change.what for change in edit.changes] == ["criterion 'loss' is new"]


def test_another_order_is_seen_where_the_rubric_is_shown(rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    data["criteria"].reverse()
    edit = compare(rubric, Rubric.model_validate(data))
    assert edit.is_seen_by_judges
    assert [change.what for change in edit.changes] == ["the criteria are in another order"]


def test_another_language_is_another_rubric(rubric: Rubric) -> None:
    with pytest.raises(ValueError, match=r"'quantization' \(en\) and 'quantization' \(zh\)"):
        compare(rubric, translated(rubric))
