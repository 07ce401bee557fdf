from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vivavoce.rubrics import InvalidRubric, load_rubric

DATA = Path(__file__).parents[1] / "data" / "rubric.yaml"
FIRST = ("criteria", 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ((*FIRST, "points"), 0, "criterion 'lower', points: a criterion of 0 points counts for nothing"),
        ((*FIRST, "points"), -4, "cannot take points away (-4): use kind: negative"),
        ((*FIRST, "points"), 400, "400 is too large: use 100 or less"),
        ((*FIRST, "points"), "7,5", "'7,5' is not written as a number: write 7.5"),
        ((*FIRST, "points"), "５", "'５' is not written as a number: write 5"),
        ((*FIRST, "points"), "5 pts", "'5 pts' is not written as a number: write 5"),
        ((*FIRST, "points"), "five", "'five' is not a number: write one, such as 7.5"),
        ((*FIRST, "points"), float("nan"), "'nan' is not a number"),
        ((*FIRST, "points"), "NaN", "'NaN' is not a number"),
        ((*FIRST, "points"), [5], "a list is not a number"),
        (("criteria", 3, "points"), 2, "a mistake takes points away: write -2, or use kind: binary"),
        (("criteria", 3, "points"), 0, "give it points below 0"),
        (("criteria", 1, "levels", 1, "points"), 5, "must rise from each level to the next"),
        (("criteria", 1, "levels", 0, "points"), -1, "use a negative criterion"),
        (("criteria", 1, "levels"), [], "there are fewer than 2 of them: add a level, or use kind: binary"),
        (("criteria", 1, "levels"), "one, two", "it must be a list, not 'one, two'"),
        (("criteria", 1, "levels", 1), "Names one.", "criterion 'methods', level 1: it must have fields of its own"),
        ((*FIRST, "kind"), "scale", "there is no kind 'scale': use binary, ordinal, negative or gate"),
        ((*FIRST, "kind"), "gate", "a gate gives no points"),
        ((*FIRST, "statement"), ["a", "b"], "it is a list, where one text is wanted"),
        ((*FIRST, "statement"), {"The answer says": "x"}, "it is read as fields with names"),
        ((*FIRST, "statement"), False, "it is read as yes or no (false), not as text"),
        ((*FIRST, "statement"), None, "it is empty: fill it in"),
        ((*FIRST, "title"), "  ", "it is empty: fill it in"),
        ((*FIRST, "id"), "Few Bits", "'Few Bits' is no identifier: use small letters a to z, digits and hyphens, such"),
        ((*FIRST, "weight"), 3, "there is no field 'weight'"),
        ((*FIRST, 5), None, "write a number such as 7,5 with a point"),
        (("question", "langauge"), "en", "there is no field 'langauge': write 'language'"),
        (("question", "language"), "fr", "'fr' is not known: use zh or en"),
        (("question", "minutes"), 2.5, "'2.5' is not a whole number"),
        (("question", "handbook"), 27.1, "it is read as '27.1', not as text: put it in quotes"),
        (("question",), "What is it?", "question: it must have fields of its own"),
        (("criteria",), [], "criteria: there is no criterion: add one"),
        (("expected_points",), [], "there are no expected points"),
        (("status",), "final", "'final' is not known: use draft or frozen"),
    ],
)
def test_a_mistake_is_told_in_words_of_a_user(
    tmp_path: Path, path: tuple[str | int, ...], value: object, words: str
) -> None:
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    parent = data
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InvalidRubric) as error:
        load_rubric(file)
    assert str(error.value).startswith(f"{file}, line ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not any(word in str(error.value).lower() for word in ("input should", "tuple", "validation", "string"))


def test_a_misspelt_field_is_named_rather_than_the_missing_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(DATA.read_text(encoding="utf-8").replace("statement:", "statment:", 1), encoding="utf-8")
    with pytest.raises(
        InvalidRubric, match="line 3: criterion 'lower': there is no field 'statment': write 'statement'"
    ):
        load_rubric(file)


def test_too_many_criteria_are_counted(tmp_path: Path) -> None:
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    data["criteria"] = [{**data["criteria"][0], "id": f"c-{number}"} for number in range(13)]
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.raises(InvalidRubric, match="there are 13, and at most 12 are allowed: join some"):
        load_rubric(file)
