from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vivavoce.rubrics import InvalidRubric, Language, Rubric, RubricError, RubricUnreadable, content_hash
from vivavoce.rubrics.formats import losses, read_rubrics, write_rubrics
from vivavoce.rubrics.formats.canvas_table import CanvasLayout

from ..builders import edited, without

HEAD = "Rubric Name,Criteria Name,Criteria Description,Criteria Enable Range" + (
    ",Rating Name,Rating Description,Rating Points" * 3
)
EXPORT = f"""{HEAD}
System design,Data model,"Tables, keys",false,Full,"Names tables, keys
and ""indexes"" too",5,Some,Names tables,3,None,,0
System design,规模,,true,好,说出分片,10,一般,,4.5,差,,1
Communication,Clarity,Speaks plainly,false,Yes,,2,No,,0,,,
"""


@pytest.mark.parametrize(
    "text",
    [
        EXPORT,
        EXPORT.replace("\n", "\r\n").replace("keys\r\nand", "keys\nand"),
        "\ufeff" + EXPORT,
        EXPORT.replace("false", "FALSE").replace("true", "TRUE"),
        EXPORT.replace(",5,", ",5.0,")
        .replace(",3,", ",3.0,")
        .replace(",0", ",0.0")
        .replace(",10,", ",10.0,")
        .replace(",4,", ",4.0,")
        .replace(",1\n", ",1.0\n")
        .replace(",2,", ",2.0,"),
        EXPORT.replace(",,,\n", "\n"),
        "\n".join(
            ",".join('""' if cell == "" else cell for cell in line.split(","))
            for line in (HEAD + "\nA,B,,false,Full,,5,Some,,3,None,,0\n").split("\n")[:2]
        )
        + "\n",
        HEAD.replace("Rating Name,Rating Description,Rating Points", "{}").format(
            *(f"Rating Name {n},Rating Description {n},Rating Points {n}" for n in (1, 2, 3))
        )
        + "\nA,B,,false,Full,,5,Some,,3,None,,0\n",
    ],
    ids=["plain", "windows", "byte-order-mark", "capitals", "decimals", "unpadded", "ruby", "numbered"],
)
def test_an_export_of_canvas_comes_back_byte_for_byte(tmp_path: Path, text: str) -> None:
    file, again = tmp_path / "export.csv", tmp_path / "again.csv"
    file.write_bytes(text.encode("utf-8"))
    read = read_rubrics(file)
    # The worst rating of one criterion is above 0.
    assert not any("layout" in notice for notice in read.notices)
    written = []
    for number, rubric in enumerate(read.rubrics):
        write_rubrics([rubric], tmp_path / f"{number}.yaml")
        written += read_rubrics(tmp_path / f"{number}.yaml").rubrics
    write_rubrics(written, again)
    assert again.read_bytes() == file.read_bytes()


def test_what_canvas_knows_is_in_the_rubric(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(EXPORT, encoding="utf-8")
    design, communication = read_rubrics(file).rubrics
    assert (design.status, design.question.text, design.max_points) == ("draft", "System design", 15)
    assert [criterion.id for criterion in design.criteria] == ["data-model", "criterion-2"]
    best = design.criteria[0].levels[-1]
    assert (best.name, best.description, best.points) == ("Full", 'Names tables, keys\nand "indexes" too', 5)
    assert design.origin == {"name": "System design", "ranges": ("criterion-2",)}
    assert communication.criteria[0].grader_notes == "Speaks plainly"


def test_a_layout_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(EXPORT + "\n\n", encoding="utf-8")
    assert sum("layout" in notice for notice in read_rubrics(file).notices) == 1


def test_our_own_criteria_come_back_as_the_kinds_they_were(tmp_path: Path, rubric: Rubric) -> None:
    write_rubrics([rubric], tmp_path / "x.csv")
    (read,) = read_rubrics(tmp_path / "x.csv").rubrics
    kinds = [(c.kind, [(level.points, level.description) for level in c.levels]) for c in read.criteria]
    assert kinds == [(c.kind, [(level.points, level.description) for level in c.levels]) for c in rubric.criteria]
    notices = " ".join(losses([rubric], "Canvas"))
    assert "expected points" in notices
    assert "identifiers" in notices


def test_a_gate_is_left_out_and_told(tmp_path: Path, rubric: Rubric) -> None:
    data = rubric.model_dump(mode="json")
    data["criteria"].append({"id": "on-topic", "kind": "gate", "title": "t", "statement": "s", "cap": 0.3})
    gated = Rubric.model_validate(data)
    assert any("on-topic" in sentence for sentence in losses([gated], "Canvas"))
    write_rubrics([gated], tmp_path / "x.csv")
    assert len(read_rubrics(tmp_path / "x.csv").rubrics[0].criteria) == len(rubric.criteria)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", RubricUnreadable, "line 1: the columns"),
        ("Name,Points\nA,1\n", RubricUnreadable, "line 1: the columns"),
        (HEAD + "\n", RubricUnreadable, "no criterion"),
        (HEAD + "\nA,B,,false,,,,,,,,,\n", InvalidRubric, "line 2: criterion 'B' has no ratings"),
        (HEAD + "\nA,,,false,Full,,5,No,,0,,,\n", InvalidRubric, "needs a Rubric Name and a Criteria Name"),
        (HEAD + "\nA,B,,false,Full,,five,No,,0,,,\n", InvalidRubric, "rating 'Full': 'five' is no number of points"),
        (HEAD + "\nA,B,,false,Full,,0,Some,,-1,No,,-2\n", InvalidRubric, "take points away in several steps"),
        (HEAD + '\nA,"B,,false\n', RubricUnreadable, "line 2: a quotation mark is opened here and never closed"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, text: str, kind: type[RubricError], words: str) -> None:
    file = tmp_path / "broken.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=words):
        read_rubrics(file)


def _read(tmp_path: Path, text: str, language: Language = "en") -> tuple[Rubric, ...]:
    file = tmp_path / "export.csv"
    file.write_bytes(text.encode("utf-8"))
    return read_rubrics(file, language=language).rubrics


def _write(tmp_path: Path, *rubrics: Rubric) -> str:
    write_rubrics(rubrics, tmp_path / "again.csv")
    return (tmp_path / "again.csv").read_bytes().decode("utf-8")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (EXPORT, {}),
        (EXPORT.replace("\n", "\r\n").replace("keys\r\nand", "keys\nand"), {"crlf": True}),
        ("\ufeff" + EXPORT, {"byte_order_mark": True}),
        (EXPORT.replace("false", "FALSE").replace("true", "TRUE"), {"upper_case": True}),
        (EXPORT.replace(",0,,,\n", ",0\n"), {"padded": False}),
    ],
    ids=["plain", "windows", "byte-order-mark", "capitals", "unpadded"],
)
def test_a_rubric_carries_only_what_differs_in_layout(tmp_path: Path, text: str, origin: dict[str, Any]) -> None:
    _, communication = _read(tmp_path, text)
    assert communication.origin == {"name": "Communication", **origin}


def test_a_rubric_stored_with_all_layout_fields_is_written_alike(tmp_path: Path) -> None:
    rubrics = _read(tmp_path, EXPORT)
    stored = []
    for rubric in rubrics:
        assert rubric.origin
        layout = CanvasLayout.from_origin(rubric.origin).model_dump(mode="json")
        assert layout["format"] == "canvas"
        stored.append(Rubric.model_validate({**rubric.model_dump(mode="json"), "origin": layout}))
    assert _write(tmp_path, *stored) == EXPORT
    assert [content_hash(rubric) for rubric in stored] == [content_hash(rubric) for rubric in rubrics]


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ({"crlf": True}, "'name' is missing"),
        ({"name": "A", "quotes": "some"}, "quotes: "),
        ({"name": "A", "colour": "red"}, "no field 'colour'"),
        ({"name": "A", "format": "moodle"}, "format: "),
    ],
)
def test_a_damaged_layout_is_one_sentence(tmp_path: Path, rubric: Rubric, origin: Any, problem: str) -> None:
    damaged = rubric.model_copy(update={"origin": origin})
    for act in (lambda: _write(tmp_path, damaged), lambda: losses([damaged], "Canvas")):
        with pytest.raises(InvalidRubric) as error:
            act()
        assert problem in str(error.value)
        assert "restore or remove 'origin'" in str(error.value)
    assert not (tmp_path / "again.csv").exists()


def test_the_first_rubric_decides_the_layout(tmp_path: Path, rubric: Rubric) -> None:
    (imported,) = _read(tmp_path, HEAD + "\r\nA,B,,FALSE,Full,,5,Some,,3,None,,0\r\n")
    first, second = _write(tmp_path, imported, rubric), _write(tmp_path, rubric, imported)
    assert first.count("\r\n") == 1 + 1 + len(rubric.criteria)
    assert "FALSE" in first
    assert "\r" not in second
    assert "FALSE" not in second


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_languages_name_their_outcomes(tmp_path: Path, rubric: Rubric, language: Language) -> None:
    spoken = edited(rubric, "question", "language", value=language)
    text = _write(tmp_path, spoken)
    names = {"en": ("Met", "Not met", "Not made", "Made"), "zh": ("达到", "未达到", "没有犯", "犯了")}[language]
    assert all(f",{name}," in text for name in names)
    kinds = [criterion.kind for criterion in _read(tmp_path, text, language)[0].criteria]
    assert kinds == ["binary", "ordinal", "binary", "negative"]


def test_outcomes_in_the_other_language_are_levels(tmp_path: Path, rubric: Rubric) -> None:
    mistake_free = without(rubric, "wrong")
    kinds = {criterion.kind for criterion in _read(tmp_path, _write(tmp_path, mistake_free), "zh")[0].criteria}
    assert kinds == {"ordinal"}


def test_levels_without_names_are_numbered(tmp_path: Path, rubric: Rubric) -> None:
    (again,) = _read(tmp_path, _write(tmp_path, rubric))
    assert [level.name for level in again.criteria[1].levels] == ["0", "1", "2"]


def test_a_comma_may_stand_for_the_decimal_point(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text(f'{HEAD}\nA,B,,false,Full,,"2,5",Some,,1,None,,0\n', encoding="utf-8")
    read = read_rubrics(file)
    assert read.rubrics[0].max_points == 2.5
    assert "layout" in read.notices[0]


def test_points_are_written_without_noise(tmp_path: Path, rubric: Rubric) -> None:
    assert ",0.3," in _write(tmp_path, edited(rubric, "criteria", 0, "points", value=0.1 + 0.2))


def test_equal_titles_get_identifiers_of_their_own(tmp_path: Path) -> None:
    (rubric,) = _read(tmp_path, f"{HEAD}\nA,Clarity,,false,Full,,5,No,,0\nA,Clarity,,true,Full,,5,No,,0\n")
    assert [criterion.id for criterion in rubric.criteria] == ["clarity", "clarity-2"]
    assert rubric.origin
    assert rubric.origin["ranges"] == ("clarity-2",)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("notes",), "Read again.", "notes on a rubric"),
        (("weights",), {"judge": 1}, "weights of the signals"),
        (("question", "topic"), "training", "question's text, topic"),
        (("criteria", 0, "id"), "other", "identifiers"),
    ],
)
def test_each_loss_is_told(tmp_path: Path, path: tuple[str | int, ...], value: Any, words: str) -> None:
    (imported,) = _read(tmp_path, f"{HEAD}\nA,Clarity,,false,Full,,5,No,,0\n")
    assert losses([imported], "Canvas") == []
    (notice,) = losses([edited(imported, *path, value=value)], "Canvas")
    assert words in notice


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A", "needs a Rubric Name and a Criteria Name"),
        (" ,B,,false,Full,,5,No,,0", "needs a Rubric Name"),
        ("A,B,,false,Full,,5,No,", "rating 'No': it has no points"),
        ("A,B,,false,Full,,5,No,,", "rating 'No': it has no points"),
        ("A,B,,false,Full,,500,No,,0", "criterion 'B', level 'Full', points: 500 is too large"),
        (f"{'A' * 256},B,,false,Full,,5,No,,0", "256 characters, and at most 255"),
    ],
)
def test_a_row_that_is_no_criterion_is_named_by_line(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(InvalidRubric, match=words) as error:
        _read(tmp_path, f"{HEAD}\n{row}\n")
    assert ", line 2: " in str(error.value)
