from __future__ import annotations

import pytest

from vivavoce.rubrics import Rubric, content_hash, structure_hash

from .builders import GATE, edited, translated, with_criterion


def test_wording_changes_the_content_and_not_the_structure(rubric: Rubric) -> None:
    changed = edited(rubric, "criteria", 0, "statement", value="Other words.")
    assert content_hash(changed) != content_hash(rubric)
    assert structure_hash(changed) == structure_hash(rubric)


def test_points_change_the_structure_too(rubric: Rubric) -> None:
    changed = edited(rubric, "criteria", 0, "points", value=5)
    assert content_hash(changed) != content_hash(rubric)
    assert structure_hash(changed) != structure_hash(rubric)


def test_hashes_do_not_depend_on_how_a_rubric_was_loaded(rubric: Rubric) -> None:
    again = Rubric.model_validate_json(rubric.model_dump_json())
    assert content_hash(again) == content_hash(rubric)


def test_levels_without_names_keep_the_old_hash(rubric: Rubric) -> None:
    # Reports out there carry it.
    assert content_hash(rubric).startswith("5bc7b21e2bff")
    assert content_hash(edited(rubric, "criteria", 1, "levels", 1, "name", value="Half")) != content_hash(rubric)


def test_weights_of_the_signals_are_part_of_the_content(rubric: Rubric) -> None:
    assert content_hash(edited(rubric, "weights", value={"judge": 1})) != content_hash(rubric)


def test_the_origin_is_part_of_no_hash(rubric: Rubric) -> None:
    imported = edited(rubric, "origin", value={"name": "Some rubric", "crlf": True})
    assert content_hash(imported) == content_hash(rubric)
    assert structure_hash(imported) == structure_hash(rubric)


def test_the_order_of_keys_does_not_matter(rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    backwards = {name: data[name] for name in reversed(data)}
    assert content_hash(Rubric.model_validate(backwards)) == content_hash(rubric)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("notes",), "read again"),
        (("question", "minutes"), 6),
        (("criteria", 0, "grader_notes"), "INT2 counts."),
        (("criteria", 1, "levels", 0, "description"), "Names no way at all."),
        (("references", 0, "text"), "Fewer bits."),
        (("expected_points", 0, "text"), "Fewer bits."),
        (("status",), "draft"),
    ],
)
def test_every_text_is_part_of_the_content(rubric: Rubric, path: tuple[str | int, ...], value: object) -> None:
    changed = edited(rubric, *path, value=value)
    assert content_hash(changed) != content_hash(rubric)
    assert structure_hash(changed) == structure_hash(rubric)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("question", "id"), "other"),
        (("criteria", 3, "points"), -1),
        (("expected_points", 1, "importance"), "optional"),
        (("expected_points", 2, "criterion"), "loss"),
        (("references", 0, "length"), "full"),
    ],
)
def test_identifiers_points_and_importance_are_structure(
    rubric: Rubric, path: tuple[str | int, ...], value: object
) -> None:
    assert structure_hash(edited(rubric, *path, value=value)) != structure_hash(rubric)


def test_the_cap_of_a_gate_is_structure(rubric: Rubric) -> None:
    first, second = (with_criterion(rubric, {**GATE, "cap": cap}) for cap in (0.5, 0.4))
    assert structure_hash(first) != structure_hash(second)


def test_languages_share_the_structure(rubric: Rubric) -> None:
    assert structure_hash(translated(rubric)) == structure_hash(rubric)
    assert content_hash(translated(rubric)) != content_hash(rubric)
