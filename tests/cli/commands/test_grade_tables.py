"""`viva grade` on files as programs write them, with a scripted panel: what is read, told and refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vivavoce.cli.commands import grade
from vivavoce.graders import Panel
from vivavoce.graders.testing import scripted_panel

from ..conftest import Viva

RUBRIC = Path(__file__).parents[2] / "data" / "rubric.yaml"


@pytest.fixture
def grade_file(viva: Viva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Grades bytes under a name; gives the exit status, what was told, and the rows of the results."""

    @contextmanager
    def open_panel(*_: Any) -> Iterator[Panel]:
        yield scripted_panel()

    monkeypatch.setattr(grade, "open_recorded_panel", open_panel)

    def run(content: str | bytes, *options: str, name: str = "a.csv") -> tuple[int, str, list[dict[str, Any]]]:
        file, out_file = tmp_path / name, tmp_path / "out.jsonl"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        rubric = () if "--question" in options else ("--rubric", RUBRIC)
        done = viva("grade", file, *rubric, "--out", out_file, *options)
        lines = out_file.read_text(encoding="utf-8").splitlines() if out_file.exists() else []
        return done.returncode, done.stderr, [json.loads(line) for line in lines]

    return run


def test_a_chinese_table_comes_back_with_its_own_headings(grade_file: Callable[..., Any]) -> None:
    status, told, rows = grade_file("姓名,回答\n甲,量化把权重变成 INT8，所以更小。\n".encode("gb18030"))
    assert status == 0
    assert "note: Read '回答' as answer, '姓名' as candidate." in told
    assert "note: The file was read as GB18030" in told
    assert [(row["姓名"], row["回答"], row["state"]) for row in rows] == [
        ("甲", "量化把权重变成 INT8，所以更小。", "graded")
    ]


def test_rows_that_cannot_be_read_are_told_and_come_back(grade_file: Callable[..., Any]) -> None:
    status, told, rows = grade_file('candidate,answer\nc1,INT8\nc2,#NAME?\nc3,"open\nc4,INT8\n')
    assert status == 1
    assert "not graded: line 3, column answer: Excel shows the error #NAME?" in told
    assert "not graded: line 4, column answer: the quotation mark that opens in line 4 is never closed" in told
    assert [(row["candidate"], row["state"]) for row in rows] == [("c1", "graded"), ("c2", "not graded")]
    assert "1 graded, 2 not graded" in told


def test_half_a_character_stops_no_output(grade_file: Callable[..., Any]) -> None:
    status, told, rows = grade_file('{"answer": "INT8 \\ud83d", "note": "\\ud83d"}', name="a.json")
    assert (status, rows[0]["note"]) == (0, "\ufffd")
    assert told.count("was replaced by") == 2


def test_columns_and_encoding_can_be_named(grade_file: Callable[..., Any]) -> None:
    content = "Prüfling;Frage;Lösung\n1;quantization;INT8 größer\n".encode("cp850")
    columns = ["--answer-column", "Lösung", "--candidate-column", "Prüfling", "--encoding", "cp850"]
    status, told, rows = grade_file(content, *columns)
    assert (status, rows[0]["Lösung"]) == (0, "INT8 größer")
    assert "Read 'Lösung' as answer, 'Prüfling' as candidate, 'Frage' as question_id." in told


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("Person,Reply\nAnn,INT8\n", [], "grades with --answer-column HEADING (columns with text: 'Person', 'Reply')"),
        ("回答,答案\na,b\n", [], "several columns for 'answer'"),
        ("answer\nINT8\n", ["--encoding", "klingon"], "cannot be read as 'klingon', which is no encoding"),
        ("answer\nINT8\n", ["--answer-column", "Reply"], "has no column 'Reply'"),
        ("", [], "is empty"),
    ],
)
def test_a_mistake_gets_one_sentence(
    grade_file: Callable[..., Any], content: str, options: list[str], words: str
) -> None:
    status, told, rows = grade_file(content, *options)
    assert (status, rows) == (2, [])
    assert words in told
    assert told.count("\n") == 1
