from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.rubrics import Bank, InvalidRubric, Rubric, RubricUnreadable, UnknownQuestion, load_rubric

DATA = Path(__file__).parents[1] / "data" / "rubric.yaml"


def _write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: ordinal", "kind: other", "line 4"),
        ("points: 4}\n  - id: methods", "points: -4}\n  - id: methods", "line 3"),
        ("criterion: loss", "criterion: nowhere", "'nowhere'"),
        ("title: Methods", "name: Methods", "line"),
        ("criteria:", "criteria: [", "fix the YAML there"),
    ],
)
def test_a_mistake_is_named_with_file_and_line_in_one_sentence(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = DATA.read_text(encoding="utf-8")
    assert old in text
    path = _write(tmp_path, text.replace(old, new, 1).encode())
    with pytest.raises((InvalidRubric, RubricUnreadable)) as error:
        load_rubric(path)
    assert str(error.value).startswith(f"{path}")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "starts with"), (b"- 1\n", "starts with"), ("问".encode("gb18030"), "UTF-8"), (b"a" * 600_000, "larger")],
)
def test_files_that_are_no_rubrics_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises((InvalidRubric, RubricUnreadable), match=says):
        load_rubric(_write(tmp_path, content))


def test_directories_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RubricUnreadable, match="is a directory"):
        load_rubric(tmp_path)
    with pytest.raises(RubricUnreadable, match="does not exist"):
        load_rubric(tmp_path / "none.yaml")


def test_a_question_is_found_by_identifier_or_handbook_number(rubric: Rubric) -> None:
    bank = Bank([rubric])
    assert bank.get("quantization", "en") is bank.get("27.1", "en")
    with pytest.raises(UnknownQuestion, match="no question 'nope'"):
        bank.get("nope", "en")
    with pytest.raises(UnknownQuestion, match="language 'zh'"):
        bank.get("27.1", "zh")
