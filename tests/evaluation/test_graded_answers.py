from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.evaluation.errors import EvaluationError
from vivavoce.evaluation.graded_answers import (
    balanced_sample,
    group_distinct_answers,
    read_rows,
    rubric_for_row,
    rubric_from_reference,
)
from vivavoce.graders.errors import UnreadableGrades
from vivavoce.rubrics import Rubric

from .builders import build_row, write_lines

ROWS = [build_row("a", n) for n in range(6)] + [build_row("b", n) for n in range(2)]
BARE: dict[str, Any] = {"answer": "a", "score": 1, "max_score": 2}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_read_plain_and_packed(tmp_path: Path, name: str) -> None:
    assert read_rows(write_lines(tmp_path / name, ROWS)) == ROWS


def test_empty_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"\n{json.dumps({**BARE, 'reference': 'It rains.'})}\n\n", encoding="utf-8")
    (row,) = read_rows(path)
    assert row["id"] == "2"


def test_optional_fields_are_filled_in(tmp_path: Path) -> None:
    references = ["It rains.", "下雨了。", "It rains."]
    path = write_lines(tmp_path / "rows.jsonl", [{**BARE, "reference": reference} for reference in references])
    first, second, third = read_rows(path)
    assert [first["lang"], second["lang"]] == ["en", "zh"]
    assert first["question_id"] == third["question_id"] != second["question_id"]
    assert [row["id"] for row in (first, second, third)] == ["1", "2", "3"]
    assert first["question"] == ""


def test_the_rubric_names_the_language(tmp_path: Path, rubric: Rubric) -> None:
    chinese = rubric.model_dump(mode="json")
    chinese["question"]["language"] = "zh"
    (row,) = read_rows(write_lines(tmp_path / "rows.jsonl", [{**BARE, "rubric": chinese}]))
    assert row["lang"] == "zh"
    assert rubric_for_row(row, tmp_path).question.language == "zh"


@pytest.mark.parametrize("invalid", [{"criteria": []}, {"question": "What?"}, {"question": {"language": ["en"]}}])
def test_an_invalid_rubric_is_named_with_its_answer(tmp_path: Path, invalid: Any) -> None:
    path = write_lines(tmp_path / "rows.jsonl", [{**BARE, "id": "x7", "rubric": invalid}])
    (row,) = read_rows(path)
    assert row["lang"] == "en"
    with pytest.raises(EvaluationError, match=r"rows\.jsonl, answer x7: its rubric is invalid \("):
        rubric_for_row(row, path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: the line is not JSON"),
        ("[]", "line 2: the line is not a JSON object"),
        ('{"answer": "a", "score": 1, "reference": "b"}', "line 2 has no 'max_score'"),
        ('{"answer": "a", "score": null, "max_score": 1, "reference": "b"}', "line 2 has no 'score'"),
        ('{"answer": "a", "score": 1, "max_score": 1}', "line 2 has neither 'reference' nor 'rubric'"),
        ('{"answer": "a", "score": 1, "max_score": 1, "reference": []}', "has neither 'reference' nor 'rubric'"),
        ('{"answer": ["a"], "score": 1, "max_score": 1, "reference": "b"}', "line 2: the answer is a list: write it"),
        ('{"answer": "a", "score": 1, "max_score": 1, "reference": {"text": "b"}}', "'reference' is {"),
        ('{"answer": "a", "score": 1, "max_score": 1, "reference": [""]}', "has only empty references"),
        (
            '{"answer": "a", "score": 1, "max_score": 1, "rubric": "quantization"}',
            "'rubric' is \"quantization\", and must",
        ),
        ('{"answer": "a", "score": 1, "max_score": 1, "rubric": [1]}', "'rubric' is [1], and must be a whole rubric"),
        ('{"answer": "a", "score": 1, "max_score": 1, "reference": "b", "raters": "3"}', "'raters' is \"3\", and must"),
        ('{"answer": "a", "score": 1, "max_score": 1, "reference": "b", "raters": [NaN]}', "'raters' is [NaN]"),
        ('{"answer": "a", "score": "good", "max_score": 1, "reference": "b"}', "'score' is \"good\""),
        ('{"answer": "a", "score": true, "max_score": 1, "reference": "b"}', "'score' is true, and must be a number"),
        ('{"answer": "a", "score": NaN, "max_score": 1, "reference": "b"}', "'score' is NaN"),
        ('{"answer": "a", "score": 1, "max_score": Infinity, "reference": "b"}', "'max_score' is Infinity"),
        ('{"answer": "a", "score": 3, "max_score": 1, "reference": "b"}', "the score 3 is not between 0 and 1"),
        ('{"answer": "a", "score": -1, "max_score": 1, "reference": "b"}', "the score -1 is not between 0 and 1"),
        ('{"answer": "a", "score": 0, "max_score": 0, "reference": "b"}', "the score 0 is not between 0 and 0"),
    ],
)
def test_an_invalid_row_is_named_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(ROWS[0])}\n{line}\n", encoding="utf-8")
    with pytest.raises(UnreadableGrades) as raised:
        read_rows(path)
    assert words in str(raised.value)


SHEET = "考生;回答;得分;满分;参考答案;raters\n1;42;1,5;2;Copies are kept.;1 / 2\n2;;0;2;7;\n"


def test_a_table_is_read_like_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(SHEET.encode("gb18030"))
    first, second = read_rows(path)
    assert (first["answer"], first["score"], first["max_score"], first["reference"], first["raters"]) == (
        "42",
        1.5,
        2,
        "Copies are kept.",
        [1, 2],
    )
    assert (second["answer"], second["reference"], second.get("raters")) == ("", "7", None)


def test_numbers_are_answers_and_references_too(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl", [{**BARE, "answer": 42, "reference": [7, "seven", ""]}])
    (row,) = read_rows(path)
    assert (row["answer"], row["reference"]) == ("42", ["7", "seven"])


def test_a_byte_order_mark_and_an_array_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps([{**BARE, "reference": "It rains."}]), encoding="utf-8-sig")
    assert [row["reference"] for row in read_rows(path)] == ["It rains."]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"\x1f\x8bnot packed"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ("rows.jsonl.gz" if content and content.startswith(b"\x1f") else "rows.jsonl")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableGrades, match=str(path)):
        read_rows(path)


def test_equal_and_empty_answers_are_dropped() -> None:
    rows = [
        build_row("b", 1),
        build_row("a", 1, answer=" same "),
        build_row("a", 2, answer="same"),
        build_row("a", 3, answer=" "),
    ]
    groups = group_distinct_answers(rows)
    assert list(groups) == ["a", "b"]
    assert [row["id"] for row in groups["a"]] == ["a1"]
    # The same answer to another question is another answer.
    both = group_distinct_answers([build_row("a", 1, answer="x"), build_row("b", 1, answer="x")])
    assert [len(group) for group in both.values()] == [1, 1]


def test_a_sample_takes_turns_over_the_questions() -> None:
    sample = balanced_sample(ROWS, limit=4, seed=1)
    assert sorted(row["question_id"] for row in sample) == ["a", "a", "b", "b"]
    assert sample == balanced_sample(ROWS, limit=4, seed=1)
    assert any(sample != balanced_sample(ROWS, limit=4, seed=seed) for seed in range(2, 6))


def test_the_same_answer_is_not_drawn_twice() -> None:
    doubled = [*ROWS, *(build_row("b", n, id=f"again{n}") for n in range(2))]
    assert len(balanced_sample(doubled, limit=100, seed=1)) == len(ROWS)
    assert balanced_sample([], limit=5, seed=1) == []


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 6), min_size=1), st.integers(1, 30), st.integers(0, 9))
def test_no_question_gives_two_more_than_another(counts: dict[str, int], limit: int, seed: int) -> None:
    rows = [build_row(question, n) for question, count in counts.items() for n in range(count)]
    sample = balanced_sample(rows, limit=limit, seed=seed)
    assert len(sample) == min(limit, len(rows))
    drawn = Counter(row["question_id"] for row in sample)
    # A question with answers left has as many as any other, or one less.
    unfinished = [drawn[question] for question, count in counts.items() if drawn[question] < count]
    assert not unfinished or min(unfinished) >= max(drawn.values()) - 1


@pytest.mark.parametrize(("most", "pieces"), [(5, 4), (3, 3), (2, 2), (1, 1)])
def test_a_rubric_asks_for_each_piece_of_the_reference(most: int, pieces: int) -> None:
    row = build_row("a", 0)
    rubric = rubric_from_reference(row, most_criteria=most)
    assert len(rubric.criteria) == pieces
    assert " ".join(criterion.levels[1].description for criterion in rubric.criteria) == row["reference"]
    sizes = [len(criterion.levels[1].description.split(".")) for criterion in rubric.criteria]
    assert max(sizes) - min(sizes) <= 1


def test_a_chinese_reference_makes_a_chinese_rubric() -> None:
    rubric = rubric_from_reference(build_row("a", 0, lang="zh", reference="水会沸腾。蒸汽上升。"))
    assert rubric.question.language == "zh"
    assert [criterion.levels[1].description for criterion in rubric.criteria] == ["水会沸腾。", "蒸汽上升。"]


def test_other_references_are_other_ways_to_make_a_point() -> None:
    rubric = rubric_from_reference(build_row("a", 0, reference=["It rains.", "Rain falls."]))
    assert [point.text for point in rubric.expected_points] == ["It rains.", "Rain falls."]
    # With several criteria it is not known to which one another reference belongs.
    several = rubric_from_reference(build_row("a", 0, reference=["It rains. It pours.", "Rain falls."]))
    assert [point.text for point in several.expected_points] == ["It rains.", "It pours."]
    assert [reference.text for reference in several.references] == ["It rains. It pours.", "Rain falls."]


def test_a_long_reference_is_cut_and_many_are_left_out() -> None:
    rubric = rubric_from_reference(
        build_row("a", 0, reference=["x" * 5000, *(f"way {n}" for n in range(9))], question=""), most_criteria=1
    )
    assert len(rubric.criteria[0].levels[1].description) == 3900
    assert len(rubric.references) == len(rubric.expected_points) == 6
    assert rubric.question.text == "-"
