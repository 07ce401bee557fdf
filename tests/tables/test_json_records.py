from __future__ import annotations

from typing import Any

import pytest

from vivavoce.tables import Table, TableError
from vivavoce.tables.reading import read_bytes


def _read(text: str, name: str = "a.json") -> Table:
    return read_bytes(text.encode(), name=name)


def _rows(table: Table) -> list[tuple[int, Any]]:
    return [(row.line, table.read_field(row, "answer")) for row in table.rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"answer": "a"}\n\n{"answer": "b"}\n', [(1, "a"), (3, "b")]),
        ('{"answer": "a"}\r{"answer": "b"}\r', [(1, "a"), (2, "b")]),
        ('[\n{"answer": "a"},\n{"answer": "b"},\n]', [(2, "a"), (3, "b")]),
        ('[{"answer": "a"}, {"answer": "b"}]', [(1, "a"), (2, "b")]),
        ('{\n "answer": "a"\n}\n{\n "answer": "b"\n}\n', [(1, "a"), (4, "b")]),
        ('{"exam": 3, "answers": [{"答案": "a"}, {"答案": "b"}]}', [(1, "a"), (2, "b")]),
        ('{"answer": "a", "history": [{"x": 1}]}', [(1, "a")]),
        ('{"answer": {"0": "a", "1": "b"}, "candidate": {"0": 1, "1": 2}}', [(1, "a"), (2, "b")]),
        ('{"answer": 7}\n{"answer": null}\n', [(1, 7), (2, None)]),
    ],
)
def test_objects_are_found_in_every_form(text: str, rows: list[tuple[int, Any]]) -> None:
    assert _rows(_read(text)) == _rows(_read(text, "a.jsonl")) == rows


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"answer": "a"}\n{"answer": \n', 2, "the line is not JSON at character"),
        ('{"answer": "a"}\n[1]\n', 2, "not a JSON object"),
        ('{"answer": "a"}\n{"answer": true}\n', 2, "the answer is true or false: write it as text."),
        ('{"answer": "a"}\n{"answer": ["x"]}\n', 2, "the answer is a list"),
        ('{"answer": "a"}\n{"answer": NaN}\n', 2, "not a number that can be written"),
        ('{"answer": "a"}\n{"Answer": "x"}\n', 2, "the object has no 'answer': rename 'Answer'."),
        ('{"answer": "a"}\n{"note": "x"}\n', 2, "the object has no 'answer': add it."),
        ('{"answer": "a"}\n{"answer": "x", "answer": "y"}\n', 2, "has 'answer' twice"),
        ('[\n{"answer": "a"},\n{"answer": "b', 3, "not JSON from here on"),
        ('[\n{"answer": "a"},\n', 3, "the array is not closed"),
        ('{"answer": "a"}\n' + "[" * 100_000, 2, "not JSON"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_is_read(text: str, line: int, words: str) -> None:
    table = _read(text)
    assert _rows(table)[0][1] == "a"
    assert [problem.line for problem in table.problems] == [line]
    assert words in table.problems[0].problem


def test_half_characters_in_values_and_names_are_replaced_and_told() -> None:
    table = _read('{"answer": "a\\ud83d", "x\\ud800": {"y": "\\u0000"}, "z": "\\ud83d\\ude00"}')
    assert dict(table.rows[0].values) == {"answer": "a\ufffd", "x\ufffd": {"y": ""}, "z": "😀"}
    half = "half of a character, which no file can hold, was replaced by \ufffd."
    assert table.notices == (
        f"line 1, column answer: {half}",
        "line 1, column x\ufffd: a NUL character, which no file can hold, was removed.",
    )


def test_several_lists_are_refused_by_name() -> None:
    with pytest.raises(TableError, match=r"a.json has several lists of objects \('a', 'b.c'\)"):
        _read('{"a": [{"x": 1}], "b": {"c": [{"x": 2}]}}')
