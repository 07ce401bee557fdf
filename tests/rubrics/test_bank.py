from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from vivavoce import rubrics
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.signals.text_matcher import EmbeddingTextMatcher
from vivavoce.rubrics import Rubric, default_bank, structure_hash
from vivavoce.rubrics.lint import lint
from vivavoce.rubrics.loader import BANK

RUBRICS = list(default_bank())
COHORT = Path(rubrics.__file__).parent / "samples" / "cohort.csv"


def _rows() -> list[dict[str, str]]:
    with COHORT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_whole_handbook_is_there_and_six_questions_beyond_it() -> None:
    handbook = {f"{chapter}.{number}" for chapter in range(1, 44) for number in (1, 2)} - {"12.2"}
    assert len(handbook) == 85
    for language in ("zh", "en"):
        questions = [rubric.question for rubric in RUBRICS if rubric.question.language == language]
        assert {question.handbook for question in questions if question.handbook} == handbook
        assert sum(question.handbook is None for question in questions) == 6
        assert len(questions) == len({question.id for question in questions}) == 91


def test_every_question_is_there_in_both_languages_with_the_same_structure() -> None:
    for question in {rubric.question.id for rubric in RUBRICS}:
        chinese, english = default_bank().get(question, "zh"), default_bank().get(question, "en")
        assert structure_hash(chinese) == structure_hash(english)
        assert chinese.question.handbook == english.question.handbook


@pytest.mark.parametrize("rubric", RUBRICS, ids=lambda rubric: f"{rubric.question.id}-{rubric.question.language}")
def test_points_sum_to_ten_and_are_expected(rubric: Rubric) -> None:
    assert rubric.max_points == 10
    for criterion in rubric.criteria:
        if criterion.points > 0:
            assert rubric.points_expected_for(criterion.id), criterion.id


@pytest.mark.models
# Half a minute alone; it embeds every sentence of the bank, and shares the machine.
@pytest.mark.timeout(900)
def test_lint_finds_nothing_in_the_bank() -> None:
    assert [str(finding) for finding in lint([BANK], EmbeddingTextMatcher(build_embedder(NANO_E5)))] == []


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
