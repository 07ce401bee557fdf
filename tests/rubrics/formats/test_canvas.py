from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.rubrics import InvalidRubric, Rubric, RubricError, RubricUnreadable
from vivavoce.rubrics.formats import losses, read_rubrics, write_rubrics

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
    found = read_rubrics(file)
    assert found.notices == ()
    written = []
    for number, rubric in enumerate(found.rubrics):
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
    assert len(read_rubrics(file).notices) == 1


def test_our_own_criteria_come_back_as_the_kinds_they_were(tmp_path: Path, rubric: Rubric) -> None:
    write_rubrics([rubric], tmp_path / "x.csv")
    (found,) = read_rubrics(tmp_path / "x.csv").rubrics
    kinds = [(c.kind, [(level.points, level.description) for level in c.levels]) for c in found.criteria]
    assert kinds == [(c.kind, [(level.points, level.description) for level in c.levels]) for c in rubric.criteria]
    told = " ".join(losses([rubric], "Canvas"))
    assert "expected points" in told
    assert "identifiers" in told


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
        (HEAD + "\nA,B,,false,Full,,5,,,,,,\n", InvalidRubric, "line 2: criterion 'B' needs two ratings"),
        (HEAD + "\nA,,,false,Full,,5,No,,0,,,\n", InvalidRubric, "needs a Rubric Name and a Criteria Name"),
        (HEAD + "\nA,B,,false,Full,,five,No,,0,,,\n", InvalidRubric, "not all numbers"),
        (HEAD + "\nA,B,,false,Full,,5,Some,,5,No,,0\n", InvalidRubric, "must fall from best to worst"),
        (HEAD + "\nA,B,,false,Full,,0,Some,,-1,No,,-2\n", InvalidRubric, "less than 0"),
        (HEAD + '\nA,"B,,false\n', RubricUnreadable, "fix the CSV"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, text: str, kind: type[RubricError], words: str) -> None:
    file = tmp_path / "broken.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=words):
        read_rubrics(file)
