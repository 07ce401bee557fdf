from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.rubrics.names import identifiers, question_identifier

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Data model", "data-model"),
        ("  INT8 / INT4! ", "int8-int4"),
        ("Café naïve", "cafe-naive"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full-width"),
        ("a" * 50, "a" * 40),
        # A cut must not leave a hyphen at the end.
        ("a" * 39 + " bc", "a" * 39),
        ("规模", "point-1"),
        ("AI", "point-1"),
        ("GPU", "gpu"),
        ("", "point-1"),
        ("精度 accuracy", "accuracy"),
    ],
)
def test_a_title_becomes_a_slug(title: str, slug: str) -> None:
    assert identifiers([title]) == [slug]


def test_equal_titles_get_their_numbers() -> None:
    assert identifiers(["Speed", "Speed", "Speed"]) == ["speed", "speed-2", "speed-3"]
    assert identifiers(["规模", "成本"], otherwise="criterion") == ["criterion-1", "criterion-2"]


def test_a_number_that_is_taken_is_not_given_again() -> None:
    assert identifiers(["Speed 2", "Speed", "Speed-2"]) == ["speed-2", "speed", "speed-2-3"]
    assert identifiers(["Speed", "Speed 3", "Speed"]) == ["speed", "speed-3", "speed-3-3"]


@given(st.lists(st.text(max_size=60), max_size=8))
def test_identifiers_are_unique_slugs(titles: list[str]) -> None:
    slugs = identifiers(titles)
    assert len(set(slugs)) == len(slugs) == len(titles)
    assert all(SLUG.match(slug) and len(slug) <= 64 for slug in slugs)


def test_a_question_is_named_after_its_words_or_its_hash() -> None:
    assert question_identifier("What is quantization?") == "what-is-quantization"
    chinese = question_identifier("什么是量化？")
    assert re.fullmatch(r"question-[0-9a-f]{8}", chinese)
    assert question_identifier("什么是量化？") == chinese != question_identifier("什么是剪枝？")
