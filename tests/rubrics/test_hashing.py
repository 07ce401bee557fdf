from __future__ import annotations

from vivavoce.rubrics import Rubric, content_hash, structure_hash


def _edit(rubric: Rubric, *path: str | int, value: object) -> Rubric:
    data = rubric.model_dump(mode="json")
    place = data
    for part in path[:-1]:
        place = place[part]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return Rubric.model_validate(data)


def test_wording_changes_the_content_and_not_the_structure(rubric: Rubric) -> None:
    edited = _edit(rubric, "criteria", 0, "statement", value="Other words.")
    assert content_hash(edited) != content_hash(rubric)
    assert structure_hash(edited) == structure_hash(rubric)


def test_points_change_the_structure_too(rubric: Rubric) -> None:
    edited = _edit(rubric, "criteria", 0, "points", value=5)
    assert content_hash(edited) != content_hash(rubric)
    assert structure_hash(edited) != structure_hash(rubric)


def test_hashes_do_not_depend_on_how_a_rubric_was_loaded(rubric: Rubric) -> None:
    again = Rubric.model_validate_json(rubric.model_dump_json())
    assert content_hash(again) == content_hash(rubric)


def test_a_rubric_whose_levels_have_no_names_keeps_the_hash_it_had_before_there_were_any(rubric: Rubric) -> None:
    # Reports out there carry it.
    assert content_hash(rubric).startswith("5bc7b21e2bff")
    assert content_hash(_edit(rubric, "criteria", 1, "levels", 1, "name", value="Half")) != content_hash(rubric)


def test_weights_of_the_signals_are_part_of_the_content(rubric: Rubric) -> None:
    assert content_hash(_edit(rubric, "weights", value={"judge": 1})) != content_hash(rubric)
