from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.evaluation.graded_answers import balanced_sample, read_rows, rubric_from_reference
from vivavoce.graders.errors import UnreadableGrades

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


def test_what_a_row_leaves_out_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    bare = {"answer": "a", "score": 1, "max_score": 2}
    written = [
        {**bare, "reference": "It rains."},
        {**bare, "reference": "下雨了。"},
        {**bare, "reference": "It rains."},
    ]
    path.write_text("\n".join(map(json.dumps, written)), encoding="utf-8")
    first, second, third = read_rows(path)
    assert [first["lang"], second["lang"]] == ["en", "zh"]
    assert first["question_id"] == third["question_id"] != second["question_id"]
    assert len({row["id"] for row in (first, second, third)}) == 3


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2 is not a JSON object"),
        ('{"answer": "a", "score": 1, "reference": "b"}', "line 2 has no 'max_score'"),
        ('{"answer": "a", "score": 1, "max_score": 1}', "line 2 has neither 'reference' nor 'rubric'"),
        ('{"answer": "a", "score": "good", "max_score": 1, "reference": "b"}', "'score' is \"good\""),
        ('{"answer": "a", "score": 3, "max_score": 1, "reference": "b"}', "the score 3 is not between 0 and 1"),
    ],
)
def test_a_row_that_is_none_is_named_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(ROWS[0])}\n{line}\n", encoding="utf-8")
    with pytest.raises(UnreadableGrades) as caught:
        read_rows(path)
    assert says in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x1f\x8bnot packed"])
def test_a_file_that_is_none_is_told_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ("rows.jsonl.gz" if content.startswith(b"\x1f") else "rows.jsonl")
    path.write_bytes(content)
    with pytest.raises(UnreadableGrades, match=str(path)):
        read_rows(path)


def test_a_sample_takes_turns_over_the_questions_and_is_the_same_for_a_seed() -> None:
    sample = balanced_sample(ROWS, limit=4, seed=1)
    assert sorted(row["question_id"] for row in sample) == ["a", "a", "b", "b"]
    assert sample == balanced_sample(ROWS, limit=4, seed=1)


def test_the_same_answer_is_not_drawn_twice() -> None:
    doubled = [*ROWS, *(_row("b", n, id=f"again{n}") for n in range(2))]
    assert len(balanced_sample(doubled, limit=100, seed=1)) == len(ROWS)


@pytest.mark.parametrize(("most", "pieces"), [(5, 4), (2, 2), (1, 1)])
def test_a_rubric_asks_for_each_piece_of_the_reference(most: int, pieces: int) -> None:
    rubric = rubric_from_reference(_row("a", 0), most_criteria=most)
    assert len(rubric.criteria) == pieces
    assert " ".join(criterion.levels[1].description for criterion in rubric.criteria) == REFERENCE


def test_other_references_are_other_ways_to_make_a_single_point() -> None:
    rubric = rubric_from_reference(_row("a", 0, reference=["It rains.", "Rain falls."]))
    assert [point.text for point in rubric.expected_points] == ["It rains.", "Rain falls."]
