from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from vivavoce import rubrics
from vivavoce.rubrics import Rubric, default_bank, structure_hash

RUBRICS = list(default_bank())
COHORT = Path(rubrics.__file__).parent / "samples" / "cohort.csv"


def _rows() -> list[dict[str, str]]:
    with COHORT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_question_is_there_in_both_languages_with_the_same_structure() -> None:
    questions = {rubric.question.id for rubric in RUBRICS}
    assert len(questions) >= 10
    for question in questions:
        chinese, english = default_bank().get(question, "zh"), default_bank().get(question, "en")
        assert structure_hash(chinese) == structure_hash(english)
        assert chinese.question.handbook == english.question.handbook


@pytest.mark.parametrize("rubric", RUBRICS, ids=lambda rubric: f"{rubric.question.id}-{rubric.question.language}")
def test_points_sum_to_ten_and_every_criterion_that_gives_some_has_an_expected_point(rubric: Rubric) -> None:
    assert rubric.max_points == 10
    for criterion in rubric.criteria:
        if criterion.points > 0:
            assert rubric.points_expected_for(criterion.id), criterion.id


def test_the_sample_cohort_spans_what_candidates_do() -> None:
    rows = _rows()
    kinds = Counter(row["kind"] for row in rows)
    assert len(rows) >= 40
    assert set(kinds) == {
        "excellent", "partial", "wrong", "off_topic", "empty", "copied_question", "dont_know", "injection",
    }  # fmt: skip
    assert len({row["question_id"] for row in rows}) >= 8
    assert {row["language"] for row in rows} == {"zh", "en"}
    assert len({row["candidate"] for row in rows}) == len(rows)
    for row in rows:
        default_bank().get(row["question_id"], row["language"])  # type: ignore[arg-type]
        assert 0 <= float(row["human_grade"]) <= 10
