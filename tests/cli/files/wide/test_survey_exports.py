"""Exports of survey tools and tables as people make them: heading rows, covers, footers, cells without a value."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from vivavoce.rubrics import default_bank

from ...conftest import Viva

BANK = default_bank()
QUANT, ATTENTION = (BANK.get(name, "en").question.text for name in ("quantization", "self-attention"))
ZH_QUANT, ZH_ATTENTION = (BANK.get(name, "zh").question.text for name in ("quantization", "self-attention"))
INT8 = "Weights are kept as INT8 instead of FP16, so they need less memory."
SOFTMAX = "Queries and keys give the weights of a softmax over the values."
ZH_INT8 = "把 FP16 权重换成 INT8，显存更小。"
FORMULA = "a formula without a value: open the file in Excel and save it, or enter it as text."

Rows = Sequence[Sequence[Any]]


def _write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _write_xlsx(path: Path, *sheets: Rows, merged: Sequence[str] = ()) -> Path:
    """A workbook whose formulas have no values; `merged` are ranges of its first sheet."""
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.worksheets[0] if number == 0 else book.create_sheet()
        for row in rows:
            sheet.append(list(row))
    for cells in merged:
        book.worksheets[0].merge_cells(cells)
    book.save(path)
    return path


def _grade(viva: Viva, path: Path, *options: str) -> tuple[int, str, list[dict[str, Any]]]:
    """The exit status, what was printed, and the rows of the results."""
    target = path.with_suffix(".out.jsonl")
    done = viva("grade", path, "--out", target, *options)
    lines = target.read_text(encoding="utf-8").splitlines() if target.exists() else []
    return done.returncode, done.stderr, [json.loads(line) for line in lines]


def _answers(rows: Rows) -> list[tuple[Any, Any]]:
    return [(row["question_id"], row["answer"]) for row in rows]  # type: ignore[call-overload]


def _import_ids(count: int) -> list[str]:
    return [json.dumps({"ImportId": f"QID{number}_TEXT"}) for number in range(count)]


def test_qualtrics_has_the_questions_in_its_second_row(viva: Viva, tmp_path: Path) -> None:
    rows = [
        ["StartDate", "ResponseId", "Q1", "Q2.1", "Q27.2", "SC0"],
        ["Start Date", "Response ID", "Your name", QUANT, ATTENTION, "Score"],
        _import_ids(6),
        ["2024-05-01", "R_1", "Ann", INT8, SOFTMAX, "0"],
    ]
    status, told, results = _grade(viva, _write_csv(tmp_path / "a.csv", rows))
    assert (status, _answers(results)) == (0, [("quantization", INT8), ("self-attention", SOFTMAX)])
    assert results[0]["Q1"] == "Ann"
    assert "2 rows were skipped as further headings: lines 2 to 3." in told


def test_a_question_of_qualtrics_that_is_none_of_the_banks_is_named_with_its_code(viva: Viva, tmp_path: Path) -> None:
    rows = [["ResponseId", "Q1"], ["Response ID", "What is quantization?"], _import_ids(2), ["R_1", INT8]]
    path = _write_csv(tmp_path / "a.csv", rows)
    status, told, _ = _grade(viva, path)
    assert status == 2
    assert "Column 'Q1' has the question 'What is quantization?', which is none of the bank's" in told
    assert "--question-columns 'Q1=quantization'" in told
    status, _, results = _grade(viva, path, "--question-columns", "Q1=quantization")
    assert (status, _answers(results)) == (0, [("quantization", INT8)])


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_surveymonkey_says_below_a_question_that_it_is_open(viva: Viva, tmp_path: Path, ending: str) -> None:
    rows = [
        ["Respondent ID", "Collector ID", "First Name", QUANT, ATTENTION, "How many years?", ""],
        ["", "", "", "Open-Ended Response", "Open-Ended Response", "Response", "Other (please specify)"],
        ["118", "4", "Ann", INT8, SOFTMAX, "1-3", ""],
    ]
    write = _write_csv if ending == "csv" else _write_xlsx
    status, told, results = _grade(viva, write(tmp_path / f"a.{ending}", rows))
    assert (status, _answers(results)) == (0, [("quantization", INT8), ("self-attention", SOFTMAX)])
    assert "1 row was skipped as further headings: line 2." in told


@pytest.mark.parametrize("merged", [(), ("A1:A2", "B1:C1", "D1:E1")])
def test_headings_in_two_rows(viva: Viva, tmp_path: Path, merged: Sequence[str]) -> None:
    remark = "a good one, but it leaves out what it costs"
    rows = [
        ["Candidate", QUANT, None, ATTENTION, None],
        [None, "Answer", "Comment", "Comment", "Answer"],
        ["Ann", INT8, remark, remark, SOFTMAX],
    ]
    status, told, results = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", rows, merged=merged))
    assert (status, _answers(results)) == (0, [("quantization", INT8), ("self-attention", SOFTMAX)])
    assert "further headings: line 2." in told
    assert "Left out (points, feedback or a key): Comment - How does" in told


def test_headings_in_two_languages(viva: Viva, tmp_path: Path) -> None:
    wide = [["Name", QUANT], ["姓名", ZH_QUANT], ["Ann", INT8], ["Bo", INT8]]
    status, told, results = _grade(viva, _write_csv(tmp_path / "a.csv", wide))
    assert (status, [row["Name"] for row in results]) == (0, ["Ann", "Bo"])
    assert "further headings: line 2." in told
    long = [["candidate", "question_id", "answer"], ["考生", "题号", "回答"], ["Ann", "quantization", INT8]]
    status, _, results = _grade(viva, _write_csv(tmp_path / "b.csv", long))
    assert (status, [row["candidate"] for row in results]) == (0, ["Ann"])


def test_a_first_row_of_data_is_no_heading(viva: Viva, tmp_path: Path) -> None:
    """Its question stands in the column of other rows' questions, too."""
    rows = [["Name", "Question 1", "Response 1"], ["Ann", QUANT, INT8], ["Bo", ATTENTION, SOFTMAX]]
    status, _, results = _grade(viva, _write_csv(tmp_path / "a.csv", rows))
    assert (status, [row["Name"] for row in results]) == (0, ["Ann", "Bo"])
    rows = [["Name", QUANT], ["Answer", "Response"], ["Bo", INT8]]
    assert [row["Name"] for row in _grade(viva, _write_csv(tmp_path / "b.csv", rows))[2]] == ["Bo"]
    rows = [["Name", QUANT], ["Ann", "Response"], ["Bo", INT8]]
    assert [row["Name"] for row in _grade(viva, _write_csv(tmp_path / "c.csv", rows))[2]] == ["Ann", "Bo"]


def test_cells_without_a_value_are_named_in_every_column_that_is_read(viva: Viva, tmp_path: Path) -> None:
    rows = [
        ["Name", "Team", "quantization", "self-attention"],
        ["Ann", "=Raw!A2", "=Raw!B2", SOFTMAX],
        ["=Raw!A3", "x", INT8, SOFTMAX],
        ["Cy", "x", "#REF!", SOFTMAX],
    ]
    status, told, results = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", rows))
    assert status == 1
    assert f"not graded: line 2, column quantization: {FORMULA}" in told
    assert told.count(f"not graded: line 3, column Name: {FORMULA}") == 1
    assert "not graded: line 4, column quantization: Excel shows the error #REF!" in told
    assert [row["state"] == "graded" for row in results] == [False, True, False, False, False, True]
    assert "2 graded, 4 not graded" in told


def test_a_value_of_zero_below_a_formula_is_no_answer(viva: Viva, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Name", "quantization"])
        sheet.write_row(1, 0, ["Ann", "=Raw!B2"])
    status, told, _ = _grade(viva, path)
    assert status == 1
    assert f"line 2, column quantization: {FORMULA}" in told


def test_errors_of_excel_in_a_text_file_are_no_answers(viva: Viva, tmp_path: Path) -> None:
    path = _write_csv(tmp_path / "a.csv", [["Name", "quantization", "self-attention"], ["Ann", "#NAME?", SOFTMAX]])
    status, told, results = _grade(viva, path)
    assert (status, [row["state"] for row in results]) == (1, ["not graded", "graded"])
    assert "line 2, column quantization: Excel shows the error #NAME?" in told


def test_an_answer_merged_with_another_candidates_is_none(viva: Viva, tmp_path: Path) -> None:
    rows = [["Name", "quantization"], ["Ann", INT8], ["Bo", None]]
    status, told, results = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", rows, merged=["B2:B3"]))
    assert (status, [row["state"] for row in results]) == (1, ["graded", "not graded"])
    assert "line 3, column quantization: the cell is merged with that of line 2" in told


def test_a_grade_without_a_value_is_not_compared_and_its_answer_is_graded(viva: Viva, tmp_path: Path) -> None:
    rows = [["candidate", "question_id", "answer", "human_grade"], ["Ann", "quantization", INT8, "=B2"]]
    status, told, _ = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", rows))
    assert status == 0
    assert f"grade not read: line 2, column human_grade: {FORMULA}" in told
    rows = [["candidate", "question_id", "answer"], ["Ann", "=Q!A1", INT8], ["=Q!B1", "quantization", INT8]]
    status, told, _ = _grade(viva, _write_xlsx(tmp_path / "b.xlsx", rows))
    assert status == 1
    assert f"line 2, column question_id: {FORMULA}" in told
    assert f"line 3, column candidate: {FORMULA}" in told


COVER = [["How to use this workbook"], ["Contact", "hr@x.invalid"], ["Answers"]]


@pytest.mark.parametrize(
    ("cover", "headings", "options"),
    [
        (COVER, ["Name", QUANT], []),
        ([["Answers"], ["one sheet for each team"]], ["Name", QUANT], []),
        (COVER, ["Name", "First task"], ["--question-columns", "first task=quantization"]),
        ([["Team", "Lead"], ["A", "Dee"]], ["candidate", "question_id", "answer"], []),
    ],
)
def test_a_cover_is_not_read(viva: Viva, tmp_path: Path, cover: Rows, headings: list[str], options: list[str]) -> None:
    row = ["Ann", "quantization", INT8][-len(headings) :] if len(headings) == 3 else ["Ann", INT8]
    status, told, results = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", cover, [headings, row]), *options)
    assert (status, len(results)) == (0, 1)
    assert "Sheet 'Sheet1' was read, and not 'Sheet': name another with --sheet NAME." in told


def test_without_a_known_heading_the_sheet_most_like_a_table_is_read(viva: Viva, tmp_path: Path) -> None:
    sheets = [["READ ME"], ["fill in the other sheet"]], [["Name", "What is quantization?"], ["Ann", INT8]]
    status, told, _ = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", *sheets))
    assert status == 2
    assert "Column 'What is quantization?' looks like a question" in told


@pytest.mark.parametrize(
    "rows",
    [
        [["candidate", "question_id", "answer"]],
        [["Name", QUANT]],
        [["candidate", "question_id", "answer"], ["", "", ""]],
        [["Name", QUANT, ATTENTION], ["Ann", "", " "]],
    ],
)
def test_a_file_without_an_answer_is_refused(viva: Viva, tmp_path: Path, rows: Rows) -> None:
    for path in (_write_csv(tmp_path / "a.csv", rows), _write_xlsx(tmp_path / "a.xlsx", rows)):
        status, told, _ = _grade(viva, path)
        assert status == 2
        assert "write a row for each answer below the headings." in told.splitlines()[-1]


def test_an_empty_list_of_json_is_refused(viva: Viva, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    status, told, _ = _grade(viva, tmp_path / "a.json")
    assert status == 2
    assert "a.json has no answers: write 'answer' with a text for each." in told


@pytest.mark.parametrize(
    ("rows", "options", "example"),
    [
        ([["Hector", "quantization", INT8], ["Ann", "bert", SOFTMAX]], [], "'candidate,question_id,answer'"),
        ([["Hector", "quantization", INT8]], [], "'candidate,question_id,answer'"),
        ([["Hector", QUANT, INT8], ["Ann", ATTENTION, SOFTMAX]], [], "'candidate,question_id,answer'"),
        ([["27.1", INT8], ["27.2", SOFTMAX]], [], "'question_id,answer'"),
        (
            [["王小明", "quantization", "换成更小的整数"], ["李雷", "bert", ZH_INT8]],
            [],
            "'candidate,question_id,answer'",
        ),
        ([["Hector", INT8], ["Ann", INT8]], ["--question", "27.1"], "'candidate,answer'"),
    ],
)
def test_missing_headings_are_named(viva: Viva, tmp_path: Path, rows: Rows, options: list[str], example: str) -> None:
    status, told, _ = _grade(viva, _write_csv(tmp_path / "a.csv", rows), *options)
    assert status == 2
    assert "has no headings, because its first row" in told
    assert f"write {example} above it" in told
    assert told.count("\n") == 1


def test_footers_are_no_candidates(viva: Viva, tmp_path: Path) -> None:
    rows = [
        ["candidate", "question_id", "answer", "points"],
        ["Ann", "quantization", INT8, "5"],
        ["Max", "quantization", "", ""],
        ["Note", "quantization", INT8, ""],
        ["Overall average", "", "", "5"],
        ["Total", "", "5", ""],
        ["合计", "", "", "5"],
        ["Source: entrance exam", "", "", ""],
        ["备注：缺考两人", "", "", ""],
    ]
    status, told, results = _grade(viva, _write_csv(tmp_path / "a.csv", rows))
    assert (status, [row["candidate"] for row in results]) == (0, ["Ann", "Max", "Note"])
    assert "5 rows were skipped as totals or notes, no candidates: lines 5 to 9." in told


def test_averages_below_questions_are_no_answers(viva: Viva, tmp_path: Path) -> None:
    rows = [["Name", QUANT, ATTENTION], ["Ann", INT8, SOFTMAX], ["Average", "3.5", "4"], ["平均分", "3.5", ""]]
    status, told, results = _grade(viva, _write_csv(tmp_path / "a.csv", rows))
    assert (status, [row["Name"] for row in results]) == (0, ["Ann", "Ann"])
    assert "totals or notes, no candidates: lines 3 to 4." in told


def test_nul_in_an_answer_changes_nothing(viva: Viva, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        f'candidate,question_id,answer\n1,quantization,"{INT8}"\n2,quantization,"W\0{INT8[1:]}\0"\n'.encode()
    )
    status, told, results = _grade(viva, path)
    assert [row["answer"] for row in results] == [INT8, INT8]
    assert (status, results[0]["score"]) == (0, results[1]["score"])
    assert "line 3, column answer: a NUL character, which no file can hold, was removed." in told


def test_all_columns_that_are_not_clear_are_named_in_one_sentence(viva: Viva, tmp_path: Path) -> None:
    rows = [
        ["Name", "What is quantization?", "什么是量化？", "What's your view on conflict?"],
        ["Ann", INT8, ZH_INT8 * 2, INT8],
    ]
    status, told, _ = _grade(viva, _write_csv(tmp_path / "a.csv", rows))
    assert (status, told.count("\n")) == (2, 1)
    assert "'What is quantization?' (nearest: quantization (How does quantization make LLM" in told
    assert "'什么是量化？' (nearest: quantization (量化是怎样加快" in told
    assert "--question-columns \"What is quantization?=quantization,什么是量化？=quantization,What's your" in told


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("What is quantization?", "Nearest: quantization (How does quantization"),
        ("什么是量化？", "Nearest: quantization (量化是怎样加快"),
        ("什麼是量化？", "Nearest: quantization (量化是怎样加快"),
        ("transfromer", "Nearest: transformer ("),
        ("weather", "There is no question 'weather'"),
    ],
)
def test_an_unknown_question_is_told_with_the_nearest_ones(
    viva: Viva, tmp_path: Path, asked: str, nearest: str
) -> None:
    status, told, _ = _grade(viva, _write_csv(tmp_path / "a.csv", [["question", "answer"], [asked, INT8]]))
    assert status == 1
    assert nearest in told


def test_two_answers_of_one_candidate_are_both_graded_and_told(viva: Viva, tmp_path: Path) -> None:
    long = [
        ["candidate", "question_id", "answer"],
        ["Ann", "bert", INT8],
        ["Bo", "bert", INT8],
        ["ann ", "bert", SOFTMAX],
    ]
    status, told, results = _grade(viva, _write_csv(tmp_path / "a.csv", long))
    assert (status, len(results)) == (0, 3)
    assert "note: lines 2, 4 answer the same question (bert) for 'Ann', and each is graded" in told
    wide = [["Name", QUANT, ATTENTION], ["Ann", INT8, SOFTMAX], ["Ann", INT8, ""]]
    status, told, results = _grade(viva, _write_csv(tmp_path / "b.csv", wide))
    assert (status, len(results)) == (0, 4)
    assert "lines 2 to 3 answer the same questions (quantization, self-attention) for 'Ann'" in told


def test_anonymous_rows_are_not_one_candidate(viva: Viva, tmp_path: Path) -> None:
    rows = [["Id", "Email", "Name", QUANT], [1, "anonymous", "", INT8], [2, "anonymous", "", INT8]]
    status, told, results = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", rows))
    assert (status, len(results)) == (0, 2)
    assert "answer the same" not in told


def test_chinese_forms_write_what_was_not_answered_or_not_asked(viva: Viva, tmp_path: Path) -> None:
    rows = [
        ["序号", "1、您的姓名", f"2、{ZH_QUANT}", f"3、{ZH_ATTENTION}", "总分"],
        [1, "王小明", ZH_INT8, "(跳过)", 0],
        [2, "李雷", "(空)", ZH_INT8, 0],
        [3, "韩梅", "(空)", "(跳过)", 0],
    ]
    status, told, results = _grade(viva, _write_xlsx(tmp_path / "a.xlsx", rows))
    assert status == 0
    assert [(row["answer"], row["flags"], row["unscored_reason"]) for row in results[1:3]] == [
        (None, None, "the question was not asked"),
        ("", "empty", None),
    ]
    assert "1 answer is left out, because the form says that the question was skipped: line 2." in told
    assert "line 4 is skipped: it has no answer to any question." in told


@pytest.mark.parametrize(
    "headings",
    [
        ["Name", "Frage", "Antwort", "Punkte"],
        ["Nom", "Question", "Réponse", "Points"],
        ["Nombre", "Pregunta", "Respuesta", "Puntos"],
        ["Naam", "Vraag", "Antwoord", "Punten"],
        ["Nome", "Pergunta", "Resposta", "Pontos"],
    ],
)
def test_headings_of_other_languages(viva: Viva, tmp_path: Path, headings: list[str]) -> None:
    path = _write_csv(tmp_path / "a.csv", [headings, ["Ann", "quantization", INT8, "4"]])
    status, told, results = _grade(viva, path)
    assert (status, results[0]["state"]) == (0, "graded")
    assert f"Read '{headings[2]}' as answer, '{headings[0]}' as candidate, '{headings[1]}' as question_id." in told


@pytest.mark.parametrize(
    "heading",
    [
        f"884213: <p>{QUANT}</p>",
        f"<p>{QUANT}</p>",
        f"G01Q02. {QUANT}",
        f"quant[SQ001]. {QUANT}",
        f"*{QUANT}",
        f"{QUANT} (max 200 words)",
        f"{ZH_QUANT}（必填）",
        f"2. {ZH_QUANT} [简答题]",
    ],
)
def test_headings_of_many_programs_are_questions(viva: Viva, tmp_path: Path, heading: str) -> None:
    rows = [["id", "name", heading, f"{heading} [Score]", "10.0", "n correct"], [7, "Ann", INT8, "3.00 / 10", 0, 0]]
    status, _, results = _grade(viva, _write_csv(tmp_path / "a.csv", rows))
    assert (status, _answers(results)) == (0, [("quantization", INT8)])
