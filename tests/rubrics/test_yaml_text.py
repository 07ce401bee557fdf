from __future__ import annotations

import pytest

from vivavoce.rubrics.yaml_text import YamlProblem, parse_yaml


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice, first in line 1"),
        ("a:\n  - {b: 1, b: 2}\n", 2, "'b' is given twice"),
        ("a:\n\tb: 1\n", 2, "a tab indents the line"),
        ("a: x\n\tb: 1\n", 2, "a tab stands before the text"),
        ("a: one: two\n", 1, "a text with a colon"),
        ("a: @x\n", 1, "begins with @"),
        ("a: `x`\n", 1, "begins with `"),
        ("a: 'x\nb: 2\n", 1, "a quotation mark is opened and never closed"),
        ("a: {b: 1\nc: 2\n", 2, "a brace is never closed"),
        ("a: [1\nb: 2\n", 2, "a bracket is never closed"),
        ("a: *x\n", 1, "begins with *"),
        ("a: !x y\n", 1, "begins with !"),
        ("a: 1\n---\nb: 2\n", 2, "a second rubric begins here"),
        ("a: - b\n", 1, "a list begins on the line of its field"),
        ("a: 1\nb：2\nc: 3\n", 3, "no colon after the name"),
        ("a: 1\nb: \x01\n", 2, "invisible control character"),
        ("a:\n  - b\n c: 1\n", 3, "not aligned"),
    ],
)
def test_what_is_no_yaml_is_told_with_line_and_fix(text: str, line: int, words: str) -> None:
    with pytest.raises(YamlProblem) as problem:
        parse_yaml(text)
    assert problem.value.line == line
    assert words in str(problem.value)


def test_merged_mappings_may_repeat_a_field() -> None:
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, x: 2}\n") == {"a": {"x": 1}, "b": {"x": 2}}
