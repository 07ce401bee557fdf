from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.graders.graded_answers import balanced_sample, read_rows, rubric_from_reference, strange_answers

REFERENCE = "Water boils. Steam rises. It condenses. Rain falls."


def _row(question: str, number: int, **fields: Any) -> dict[str, Any]:
    row = {"id": f"{question}{number}", "question_id": question, "question": f"What is {question}?", "lang": "en"}
    return {**row, "reference": REFERENCE, "answer": f"answer {number}", "score": 3, "max_score": 5, **fields}


ROWS = [_row("a", n) for n in range(6)] + [_row("b", n) for n in range(2)]


@pytest.mark.parametrize("opener", [open, gzip.open])
def test_rows_are_read_plain_and_packed(tmp_path: Path, opener: Any) -> None:
    path = tmp_path / ("rows.jsonl.gz" if opener is gzip.open else "rows.jsonl")
    with opener(path, "wt", encoding="utf-8") as out:
        out.write("\n".join(json.dumps(row) for row in ROWS) + "\n\n")
    assert read_rows(path) == ROWS


def test_a_sample_takes_turns_over_the_questions_and_is_the_same_for_a_seed() -> None:
    sample = balanced_sample(ROWS, limit=4, seed=1)
    assert sorted(row["question_id"] for row in sample) == ["a", "a", "b", "b"]
    assert sample == balanced_sample(ROWS, limit=4, seed=1)


def test_the_same_answer_is_not_drawn_twice() -> None:
    doubled = [*ROWS, *(_row("b", n, id=f"again{n}") for n in range(2))]
    assert len(balanced_sample(doubled, limit=100, seed=1)) == len(ROWS)


def test_strange_answers_come_from_other_questions_and_are_worth_nothing() -> None:
    rows = [_row("a", 0, answer="of a"), _row("b", 0, answer="of b")]
    strange = strange_answers(rows, share=2.0, seed=1)
    assert len(strange) == 4
    assert all(row["score"] == 0 and row["answer"] == f"of {'ba'[row['question_id'] == 'b']}" for row in strange)


@pytest.mark.parametrize(("most", "pieces"), [(5, 4), (2, 2), (1, 1)])
def test_a_rubric_asks_for_each_piece_of_the_reference(most: int, pieces: int) -> None:
    rubric = rubric_from_reference(_row("a", 0), most_criteria=most)
    assert len(rubric.criteria) == pieces
    assert " ".join(criterion.levels[1].description for criterion in rubric.criteria) == REFERENCE


def test_other_references_are_other_ways_to_make_a_single_point() -> None:
    rubric = rubric_from_reference(_row("a", 0, reference=["It rains.", "Rain falls."]))
    assert [point.text for point in rubric.expected_points] == ["It rains.", "Rain falls."]
