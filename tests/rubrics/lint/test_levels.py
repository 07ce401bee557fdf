from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.rubrics.lint.levels import find_overlapping_levels


@pytest.mark.parametrize(
    ("lower", "upper", "overlap"),
    [
        ("Names no way.", "Names one way.", False),
        ("Names exactly one way.", "Names at least two ways.", False),
        ("Names at least one way.", "Names at least two ways.", True),
        ("Names one to three ways.", "Names three or more ways.", True),
        ("Names one or two ways.", "Names more than two ways.", False),
        ("Names up to two ways.", "Names exactly two ways.", True),
        ("Names at most 2 ways.", "Names 3-4 ways.", False),
        ("Names just one way.", "Names only one way.", True),
        ("The answer names none.", "Names up to one way.", True),
        ("Nothing is named.", "Names only six ways.", False),
        ("Names some ways.", "Names other ways.", False),
        ("Names a way.", "Names a way. ", True),
    ],
)
def test_english_counts_overlap(lower: str, upper: str, overlap: bool) -> None:
    assert find_overlapping_levels([lower, upper], "en") == ([(0, 1)] if overlap else [])


@pytest.mark.parametrize(
    ("lower", "upper", "overlap"),
    [
        ("没有说出方法。", "只说出一种方法。", False),
        ("只说出一种方法。", "说出两种以上方法。", False),
        ("至少一种方法。", "两种以上方法。", True),
        ("说出一到三种方法。", "至少三种方法。", True),
        ("说出一或两种方法。", "恰好说出三种方法。", False),
        ("最多2种方法。", "至少2种方法。", True),
        ("未说出方法。", "至多一种方法。", True),
        ("说出一些方法。", "说出别的方法。", False),
    ],
)
def test_chinese_counts_overlap(lower: str, upper: str, overlap: bool) -> None:
    assert find_overlapping_levels([lower, upper], "zh") == ([(0, 1)] if overlap else [])


def test_every_pair_is_compared() -> None:
    descriptions = ["Names at least one way.", "Names two or more ways.", "Names more than two ways."]
    assert find_overlapping_levels(descriptions, "en") == [(0, 1), (0, 2), (1, 2)]


def test_missing_descriptions_are_not_equal() -> None:
    assert find_overlapping_levels(["", "", " "], "en") == []


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_ranges_overlap_as_intervals_do(first: int, first_size: int, second: int, second_size: int) -> None:
    ranges = [(first, first + first_size), (second, second + second_size)]
    pairs = find_overlapping_levels([f"Names {low} to {high} ways." for low, high in ranges], "en")
    common = set(range(ranges[0][0], ranges[0][1] + 1)) & set(range(ranges[1][0], ranges[1][1] + 1))
    assert bool(pairs) is bool(common)


def test_counts_that_follow_each_other_are_apart() -> None:
    words = ["one", "two", "three", "four", "five", "six"]
    descriptions = ["No way is named.", *(f"Names exactly {word} ways." for word in words)]
    assert find_overlapping_levels(descriptions, "en") == []
    assert find_overlapping_levels([f"Names {a} or {b} ways." for a, b in itertools.pairwise(words)], "en") == [
        (index, index + 1) for index in range(4)
    ]
