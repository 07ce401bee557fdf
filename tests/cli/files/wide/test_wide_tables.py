"""Tables with a row for each candidate, as forms and learning platforms export them, through the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from vivavoce.rubrics import default_bank

from ...conftest import Viva

BANK = default_bank()
QUANT, ATTENTION = (BANK.get(name, "en").question.text for name in ("quantization", "self-attention"))
ZH_QUANT, ZH_ATTENTION = (BANK.get(name, "zh").question.text for name in ("quantization", "self-attention"))
INT8 = "Weights are kept as INT8 instead of FP16."
SOFTMAX = "Queries and keys give the weights of a softmax."


def _write(path: Path, *rows: Sequence[Any]) -> Path:
    if path.suffix == ".xlsx":
        with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return path


def _grade(viva: Viva, path: Path, *options: str) -> tuple[list[dict[str, Any]], str]:
    """The rows of the results as JSON, and what was printed."""
    target = path.with_suffix(".out.jsonl")
    done = viva("grade", path, "--out", target, *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()], done.stderr


def _answers(rows: Sequence[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    return [(row["question_id"], row["answer"]) for row in rows]


def test_google_forms(viva: Viva, tmp_path: Path) -> None:
    path = _write(
        tmp_path / "a.csv",
        ["Timestamp", "Email Address", QUANT, ATTENTION],
        ["2024/05/01 10:00:00", "a@x.invalid", INT8, SOFTMAX],
        ["2024/05/01 10:01:00", "b@x.invalid", "", SOFTMAX],
        ["2024/05/01 10:02:00", "c@x.invalid", "", " "],
    )
    rows, printed = _grade(viva, path)
    assert _answers(rows) == [
        ("quantization", INT8),
        ("self-attention", SOFTMAX),
        ("quantization", ""),
        ("self-attention", SOFTMAX),
        (None, None),
    ]
    assert [row["Email Address"][0] for row in rows] == ["a", "a", "b", "b", "c"]
    assert all(row[QUANT] is not None and row["Timestamp"].startswith("2024") for row in rows)
    assert (rows[2]["score"], rows[2]["flags"]) == (0, "empty")
    assert (rows[4]["score"], rows[4]["unscored_reason"]) == (None, "the row has no answer to any question")
    assert "line 4 is skipped: it has no answer to any question." in printed
    assert "4 graded, 0 not graded" in printed
    mapping = printed[: printed.index("Grading")]
    assert "quantization" in mapping
    assert "Left out (no question of the bank): Timestamp, Email Address" in mapping


def test_microsoft_forms(viva: Viva, tmp_path: Path) -> None:
    at = datetime(2024, 5, 1, 10)
    path = _write(
        tmp_path / "a.xlsx",
        ["ID", "Start time", "Email", "Name", QUANT, f"Points - {QUANT}", f"Feedback - {QUANT}", f"2.{ATTENTION}"],
        [1, at, "anonymous", "Ann Lee", INT8, 3, "well done, this is a rather long remark", SOFTMAX],
    )
    rows, printed = _grade(viva, path)
    assert _answers(rows) == [("quantization", INT8), ("self-attention", SOFTMAX)]
    assert "Left out (points, feedback or a key): Points - " in printed
    assert rows[0]["Start time"].startswith("2024-05-01")


def test_moodle_with_random_questions(viva: Viva, tmp_path: Path) -> None:
    path = _write(
        tmp_path / "a.csv",
        [
            "Surname",
            "First name",
            "State",
            "Grade/10.00",
            "Question 1",
            "Response 1",
            "Right answer 1",
            "Question 2",
            "Response 2",
        ],
        ["Lee", "Ann", "Finished", "-", QUANT, INT8, "the key", ATTENTION, SOFTMAX],
        ["Wu", "Bo", "Finished", "-", ATTENTION, SOFTMAX, "the key", QUANT, "-"],
    )
    rows, _ = _grade(viva, path)
    assert _answers(rows) == [
        ("quantization", INT8),
        ("self-attention", SOFTMAX),
        ("self-attention", SOFTMAX),
        ("quantization", "-"),
    ]


@pytest.mark.parametrize("number", ["{}、", "第{}题：", "({}) ", "Q{}. ", ""])
def test_chinese_questionnaires(viva: Viva, tmp_path: Path, number: str) -> None:
    path = _write(
        tmp_path / "a.csv",
        [
            "序号",
            "提交答卷时间",
            "所用时间",
            "来自IP",
            f"{number.format(1)}{ZH_QUANT}",
            f"{number.format(2)}{ZH_ATTENTION}（必填）",
            "总分",
        ],
        ["1", "2024/5/1 10:00", "300秒", "1.2.3.4", "把 FP16 换成 INT8，显存更小。", "不知道", "50"],
    )
    rows, _ = _grade(viva, path)
    assert [row["question_id"] for row in rows] == ["quantization", "self-attention"]
    assert (rows[1]["score"], rows[1]["flags"]) == (0, "non_answer")


def test_headings_may_be_identifiers_and_numbers(viva: Viva, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", ["student", "Self-Attention", "27.1"], ["ann", SOFTMAX, INT8])
    rows, _ = _grade(viva, path)
    assert _answers(rows) == [("self-attention", SOFTMAX), ("quantization", INT8)]


def test_numbers_below_a_heading_are_no_answers(viva: Viva, tmp_path: Path) -> None:
    """Canvas writes points under a heading that is a number, too."""
    path = _write(tmp_path / "a.csv", ["name", f"4711: {QUANT}", "27.1", "1.0"], ["ann", INT8, "2.5", "1.0"])
    rows, printed = _grade(viva, path)
    assert _answers(rows) == [("quantization", INT8)]
    assert "Left out (numbers only): 27.1" in printed


def test_an_option_names_the_questions(viva: Viva, tmp_path: Path) -> None:
    heading = "Explain, in a = b style, what you did"
    path = _write(tmp_path / "a.csv", ["name", heading, "Other"], ["ann", INT8, SOFTMAX])
    rows, _ = _grade(viva, path, "--question-columns", f"{heading}=27.1,other=self-attention")
    assert _answers(rows) == [("quantization", INT8), ("self-attention", SOFTMAX)]
    (tmp_path / "map.yaml").write_text(json.dumps({heading: "quantization", "Other": None}), encoding="utf-8")
    rows, printed = _grade(viva, path, "--question-columns", str(tmp_path / "map.yaml"))
    assert _answers(rows) == [("quantization", INT8)]
    assert "Left out (not named by --question-columns): name, Other" in printed


@pytest.mark.parametrize(
    ("heading", "options", "says"),
    [
        ("How would you debug a slow service?", [], "looks like a question, but is none of the bank's"),
        (
            QUANT.replace("and what does it cost", "and who pays for all of that in the end"),
            [],
            "is only like 'quantization'",
        ),
        (f"1. {QUANT}", [], "are both the question 'quantization'"),
        ("x", ["--question-columns", "y=rag"], "there is no column 'y'"),
        ("x", ["--question-columns", "x=no-such"], "there is no question 'no-such'"),
        ("x", ["--question-columns", "x"], "names no question: write 'HEADING=question_id'"),
        ("x", ["--question-columns", "no.yaml"], "cannot be read"),
        ("x", ["--question", "27.1"], "name the one that --question or --rubric grades with --answer-column"),
        ("x", ["--question", "27.1", "--question-columns", "x=27.1"], "--question-columns excludes --question"),
    ],
)
def test_what_is_not_clear_is_asked_and_nothing_is_graded(
    viva: Viva, tmp_path: Path, heading: str, options: list[str], says: str
) -> None:
    path = _write(tmp_path / "a.csv", ["name", QUANT, heading], ["ann", INT8, SOFTMAX])
    done = viva("grade", path, *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "a.graded.csv").exists()


def test_one_question_and_its_column(viva: Viva, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", ["name", "first", "second"], ["ann", INT8, SOFTMAX])
    rows, _ = _grade(viva, path, "--question", "27.1", "--answer-column", "first")
    assert [row["first"] for row in rows] == [INT8]
    assert "question_id" not in rows[0]


def test_a_table_without_any_question_says_what_to_name(viva: Viva, tmp_path: Path) -> None:
    done = viva("grade", _write(tmp_path / "a.csv", ["name", "age"], ["ann", "3"]))
    assert done.returncode == 2
    assert "no column 'answer', and no heading is a question of the bank (its columns: 'name', 'age')" in done.stderr


def test_feedback_has_one_language_for_a_candidate(viva: Viva, tmp_path: Path) -> None:
    path = _write(
        tmp_path / "a.csv",
        ["姓名", ZH_QUANT, ZH_ATTENTION, "27.2"],
        [
            "王小明",
            "把 FP16 换成 INT8，显存更小。",
            "INT8 weights are smaller than FP16 weights are.",
            "按块管理缓存，减少碎片。",
        ],
    )
    rows, _ = _grade(viva, path, "--columns", "feedback,report")
    assert {row["report"]["feedback"]["language"] for row in rows} == {"zh"}


def test_a_bad_cell_costs_one_answer_only(viva: Viva, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", ["name", QUANT, ATTENTION], ["ann", "x" * 20_001, SOFTMAX])
    done = viva("grade", path)
    assert done.returncode == 1
    assert "The answer has 20,001 characters" in done.stderr
    assert "1 graded, 1 not graded" in done.stderr
