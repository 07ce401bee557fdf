from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.rubrics.formats.markdown_text import escape_text, format_table, split_row, unescape_text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("a|b", r"a\|b"),
        ("*bold* _it_ `code` [x] #1", r"\*bold\* \_it\_ \`code\` \[x\] \#1"),
        ("<br>", r"\<br\>"),
        ("one\ntwo", "one<br>two"),
        ("- item", r"\- item"),
        ("1. item", r"\1. item"),
        ("-1 is less", "-1 is less"),
        (" both ", "&#32;both&#32;"),
        ("a\rb", "a&#13;b"),
        ("&#65;", r"\&\#65;"),
        ("R&D", "R&D"),
    ],
)
def test_text_is_escaped_where_markdown_would_read_it(text: str, line: str) -> None:
    assert escape_text(text) == line
    assert unescape_text(line) == text


@given(st.text(max_size=60))
def test_every_text_comes_back(text: str) -> None:
    line = escape_text(text)
    assert unescape_text(line) == text
    assert "\n" not in line


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_every_row_of_a_table_comes_back(cells: list[str]) -> None:
    head = [f"column {number}" for number, _ in enumerate(cells)]
    first, rule, row = format_table(head, [cells])
    assert split_row(row) == cells
    assert split_row(first) == head
    assert rule.count("---") == len(head)


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("| a | b |", ["a", "b"]),
        ("| a | b", ["a", "b"]),
        ("a | b |", ["a", "b"]),
        (r"| a\|b | c |", ["a|b", "c"]),
        (r"| a\\| b |", ["a\\", "b"]),
        ("|  |  |", ["", ""]),
    ],
)
def test_a_row_is_split_at_its_strokes(line: str, cells: list[str]) -> None:
    assert split_row(line) == cells
