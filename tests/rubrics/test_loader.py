from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.rubrics import Bank, InvalidRubric, Rubric, RubricUnreadable, UnknownQuestion, load_bank, load_rubric
from vivavoce.rubrics.formats import to_yaml
from vivavoce.rubrics.loader import find_line, read_text

from .builders import edited

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


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ((), 1),
        (("question",), 1),
        (("question", "text"), 1),
        (("criteria",), 3),
        (("criteria", 0), 4),
        (("criteria", 1, "levels", 1), 9),
        (("criteria", 1, "levels", 1, "points"), 10),
        # What is not there has the line of what it is missing from.
        (("criteria", 1, "title"), 6),
        (("criteria", 7), 3),
        (("criteria", "first"), 3),
        (("nowhere", 3), 1),
    ],
)
def test_a_location_has_the_line_of_its_deepest_part(location: tuple[str | int, ...], line: int) -> None:
    text = (
        "question: {text: a}\n"
        "# a comment\n"
        "criteria:\n"
        "  - id: one\n"
        "    kind: binary\n"
        "  - id: two\n"
        "    levels:\n"
        "      - points: 0\n"
        "      - description: x\n"
        "        points: 1\n"
    )
    assert find_line(text, *location) == line


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("minutes: 5", "minutes: 0", 1, "question, minutes: 0 is too small: use 1 or more"),
        (
            "points: 4}\n  - id: methods",
            "points: 400}\n  - id: methods",
            3,
            "criterion 'lower', points: 400 is too large: use 100 or less",
        ),
        ("{points: 2, desc", "{points: 0, desc", 4, "must rise"),
        (
            'criterion: methods, text: "Post',
            'criterion: Methods!, text: "Post',
            15,
            "expected point 'ptq', criterion: 'Methods!' is no identifier",
        ),
        ("length: short", "length: long", 19, "reference 1, length: 'long' is not known: use short or full"),
    ],
)
def test_the_line_is_that_of_the_mistake(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    text = DATA.read_text(encoding="utf-8")
    assert text.count(old) == 1
    with pytest.raises(InvalidRubric) as error:
        load_rubric(_write(tmp_path, text.replace(old, new).encode()))
    assert f", line {line}: " in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("question: [1,\n  2\n", "line 3: "),
        ("question: a\n\tcriteria: b\n", "line 2: "),
        ("question: &a [*b]\n", "line 1: "),
        ("a: 2026-02-31\n", "looks like a date"),
        ("a: !!float x\n", "looks like a date"),
        ("[" * 3000, "fix the YAML there|nested too deep"),
    ],
)
def test_broken_yaml_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RubricUnreadable, match=message) as error:
        load_rubric(_write(tmp_path, text.encode()))
    assert "\n" not in str(error.value)


def test_a_byte_order_mark_is_ignored(tmp_path: Path, rubric: Rubric) -> None:
    assert load_rubric(_write(tmp_path, b"\xef\xbb\xbf" + DATA.read_bytes())) == rubric


def test_a_tag_runs_no_code(tmp_path: Path) -> None:
    with pytest.raises(RubricUnreadable):
        load_rubric(_write(tmp_path, b"a: !!python/object/apply:os.getcwd []\n"))


def test_line_ends_are_read_as_they_are(tmp_path: Path) -> None:
    assert read_text(_write(tmp_path, b"a\r\nb\rc\n")) == "a\r\nb\rc\n"


def test_a_bank_is_iterated_in_order_of_files(tmp_path: Path, rubric: Rubric) -> None:
    for language in ("zh", "en"):
        for name in ("b", "a"):
            named = edited(edited(rubric, "question", "language", value=language), "question", "id", value=name)
            file = tmp_path / language / f"{name}.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(to_yaml(edited(named, "question", "handbook", value=None)), encoding="utf-8")
    bank = load_bank(tmp_path)
    assert [(r.question.language, r.question.id) for r in bank] == [
        ("en", "a"),
        ("en", "b"),
        ("zh", "a"),
        ("zh", "b"),
    ]
    assert len(bank) == 4
    assert bank.get(" a ", "zh").question.language == "zh"
    with pytest.raises(UnknownQuestion, match=r"no question '27\.1'"):
        bank.get("27.1", "en")


def test_a_long_name_is_cut_in_the_message(rubric: Rubric) -> None:
    with pytest.raises(UnknownQuestion) as error:
        Bank([rubric]).get("x" * 5000, "en")
    assert len(str(error.value)) < 250
