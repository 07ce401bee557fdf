from __future__ import annotations

from typing import Any

import pytest

from vivavoce.cli.files.human_grades import read_grade, read_grades
from vivavoce.service.answer_files.entries import list_entries
from vivavoce.tables import Row, Table


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        (7.5, 7.5),
        (0, 0),
        (10, 10),
        ("7.5", 7.5),
        ("7,5", 7.5),
        (" 7,5\u00a0", 7.5),
        ("７．５", 7.5),
        ("７，５", 7.5),
        ("+8", 8),
        (",5", 0.5),
        ("8.", 8),
        ("10,0", 10),
        ("0,125", 0.125),
    ],
)
def test_numbers_from_0_to_10_are_grades(value: Any, grade: float) -> None:
    assert read_grade(value) == grade


@pytest.mark.parametrize(
    "value",
    [
        *(
            "12",
            "-3",
            "8/10",
            "85%",
            "B+",
            "n/a",
            "nan",
            "inf",
            "-inf",
            "1e400",
            "1,500",
            "7,5,5",
            "7.5分",
            "7 5x",
            "0x7",
        ),
        *(float("nan"), float("inf"), 12, -3, True, [7]),
    ],
)
def test_other_values_are_none(value: Any) -> None:
    assert read_grade(value) is None


def test_cells_that_are_no_grades_are_named(tmp_path: object) -> None:
    cells = ["7,5", "", None, "  ", "8/10", 9, "x" * 100]
    rows = tuple(Row(line, {"answer": "a", "人工评分": cell}) for line, cell in enumerate(cells, start=2))
    table = Table(("answer", "人工评分"), rows, (), fields={"human_grade": "人工评分"})
    grades, unread = read_grades(list_entries(table))
    assert grades == {0: 7.5, 5: 9}
    assert str(unread[0]) == (
        "line 6, column 人工评分: '8/10' is no number from 0 to 10 and is not compared: write one such as 7.5."
    )
    assert [bad.line for bad in unread] == [6, 8]
    assert len(unread[1].problem) < 120
