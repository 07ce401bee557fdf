from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.evaluation.fitting.answer_names import name_answer, parse_answer_name
from vivavoce.rubrics.qualification import QUALITIES, Quality, Style

STYLES: tuple[Style, ...] = ("usual", "concise", "verbose")


@pytest.mark.parametrize(
    ("quality", "style", "number", "name"),
    [
        ("weak", "usual", 1, "weak"),
        ("weak", "usual", 2, "weak/2"),
        ("empty-handed", "verbose", 1, "empty-handed/verbose"),
        ("weak", "concise", 12, "weak/concise/12"),
    ],
)
def test_a_name_has_style_and_number_only_where_needed(quality: Quality, style: Style, number: int, name: str) -> None:
    assert name_answer(quality, style, number) == name


@given(st.sampled_from(QUALITIES), st.sampled_from(STYLES), st.integers(1, 30))
def test_a_name_is_read_as_it_was_written(quality: Quality, style: Style, number: int) -> None:
    assert parse_answer_name(name_answer(quality, style, number)) == (quality, style, number)
