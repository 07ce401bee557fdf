from __future__ import annotations

from typing import Any

import pytest

from vivavoce.tables import Table, TableError, require_fields
from vivavoce.tables.reading import read_bytes


def _read(text: str, name: str = "a.csv", **options: Any) -> Table:
    return read_bytes(text.encode(), name=name, **options)


def _answers(table: Table) -> list[Any]:
    return [table.read_field(row, "answer") for row in table.rows]


def _problems(table: Table) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.column, problem.problem) for problem in table.problems]


# Quotation marks


def test_nothing_behind_an_unclosed_mark_is_read_and_the_rest_is() -> None:
    table = _read('candidate,answer\nc0,fine\nc1,"INT8 and 5 inches\nc2,INT8\nc3,FP16\n')
    assert _answers(table) == ["fine"]
    ((line, column, problem),) = _problems(table)
    assert (line, column) == (3, "answer")
    assert "opens in line 3 is never closed, so nothing from line 3 on is graded" in problem


def test_marks_that_two_rows_open_take_no_row_along_unnamed() -> None:
    table = _read('candidate,answer\nc1,"INT8 and 5 inches\nc2,5" FP16\nc3,x\n')
    assert _answers(table) == ["x"]
    assert "lines 2 to 3 are not graded" in _problems(table)[0][2]


def test_a_row_inside_the_marks_of_another_is_named() -> None:
    table = _read('candidate,answer\nc1,"INT8 and 5 inches\nc2,the disk of 5"\nc3,x\nc4,y\n')
    assert _answers(table) == ["x", "y"]
    assert "seems to take in the row of line 3" in _problems(table)[0][2]


def test_a_list_inside_an_answer_is_no_row() -> None:
    table = _read('candidate,answer\n1,"1, first\n2, second"\n2,x\n3,y\n')
    assert _answers(table) == ["1, first\n2, second", "x", "y"]


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ('5" disk', '5" disk'),
        ('"INT8" is small', '"INT8" is small'),
        ('"He said "INT8, not FP16" and left"', 'He said "INT8, not FP16" and left'),
        ('"5" disk"', '5" disk'),
        (' "a, b" ', "a, b"),
        ('"say ""no"""', 'say "no"'),
    ],
)
def test_marks_inside_a_cell_are_text(cell: str, answer: str) -> None:
    assert _answers(_read(f"answer,candidate\n{cell},c1\nnext,c2\n")) == [answer, "next"]


def test_backslashes_before_marks_are_understood_and_others_kept() -> None:
    table = _read('candidate,answer\n"c1","He said \\"INT8, not FP16\\" and left"\n"c2","C:\\new"\n')
    assert _answers(table) == ['He said "INT8, not FP16" and left', "C:\\new"]


def test_single_marks_quote_when_the_headings_have_them() -> None:
    assert _answers(_read("'candidate','answer'\n'c1','it''s, fine'\n")) == ["it's, fine"]
    assert _answers(_read("candidate,answer\nc1,'tis fine\n")) == ["'tis fine"]


# Cells and headings


def test_cells_that_do_not_fit_are_named_and_blank_ones_are_nothing() -> None:
    table = _read('candidate,answer,\nc1,"fine",\nc2,not, fine,\nc3,not, fine\nc4,too,,\n')
    assert _answers(table) == ["fine", "too"]
    assert [(line, column) for line, column, _ in _problems(table)] == [(3, "answer"), (4, "answer")]
    assert (
        "the row has 3 cells and the heading 2: put quotation marks around text with commas."
        in table.problems[0].problem
    )


def test_columns_without_a_name_or_with_the_same_come_back() -> None:
    table = _read("candidate,,answer,,Notes,Notes\nc1,x,INT8,,y,z\n")
    assert table.columns == ("candidate", "column 2", "answer", "column 4", "Notes", "Notes (2)")
    assert table.headings == ("candidate", "", "answer", "", "Notes", "Notes")
    assert list(table.rows[0].values.values()) == ["c1", "x", "INT8", "", "y", "z"]


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        (
            "answer,x,answer",
            "several columns for 'answer': 'answer' (column 1) and 'answer (2)' (column 3): name one with",
        ),
        ("回答,答案", "'回答' (column 1) and '答案' (column 2): name one with --answer-column NAME"),
        ("Name,Answr", "no column 'answer' (its columns: Name, Answr): is it 'Answr'? name the column you mean"),
        ("Name,Response 1,Response 2", "a.csv has no column 'answer'"),
    ],
)
def test_an_answer_that_cannot_be_found_is_asked_for(heading: str, words: str) -> None:
    with pytest.raises(TableError) as error:
        require_fields("a.csv", _read(f"{heading}\na,b,c\n"), ["answer"])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_user_names_columns() -> None:
    text = "Zeit,answer,Antwort,answer\n9:30,wrong,right,third\n"
    assert _answers(_read(text, columns={"answer": "antwort"})) == ["right"]
    assert _answers(_read(text, columns={"answer": "answer (2)"})) == ["third"]
    with pytest.raises(TableError, match="has no column 'Reply'"):
        _read(text, columns={"answer": "Reply"})


def test_the_exact_name_is_preferred() -> None:
    assert _answers(_read("response,answer,答案\na,b,c\n")) == ["b"]


@pytest.mark.parametrize(
    "heading",
    [
        "Answer *",
        "ANSWERS",
        "Your answer:",
        "\u200banswer\u00a0",
        "ａｎｓｗｅｒ",
        "answer (required)",
        "Student_Response",
    ],
)
@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "，"])
def test_headings_are_known_in_other_spellings(heading: str, mark: str) -> None:
    assert _answers(_read(f"n{mark}{heading}\n1{mark}INT8\n")) == ["INT8"]


@pytest.mark.parametrize(
    "heading", ["答案", "回答", "答复", "答覆", "作答", "考生回答", "學生答案", "您的回答", "作答内容"]
)
def test_headings_are_known_in_both_chinese_scripts(heading: str) -> None:
    assert _answers(_read(f"姓名,{heading},語言\n甲,量化,zh\n")) == ["量化"]


def test_a_title_above_the_headings_is_told() -> None:
    for title in ("Answers", "Results of March\n\nby ACME"):
        table = _read(f"{title}\ncandidate,answer\nc1,INT8\n")
        assert _answers(table) == ["INT8"]
        assert title.split("\n")[0] in table.notices[0]


def test_one_column_of_text_needs_no_marks() -> None:
    assert _answers(_read("answer\nnot, fine\n", "a.txt")) == ["not, fine"]
    assert _problems(_read("answer\nnot, fine\n"))[0][0] == 2


# Rows


def test_rows_of_no_candidate_are_skipped_and_told() -> None:
    table = _read(
        "candidate,answer\n   Points Possible,10\n,\n\u200b,\u00a0\nc1,a\ncandidate,answer\nc2,\n"
        "满分,5\nc3,Points Possible\n"
    )
    assert [(row.line, row.values["answer"]) for row in table.rows] == [(5, "a"), (7, ""), (9, "Points Possible")]
    assert table.notices == (
        "2 rows were skipped as points possible, no candidate: lines 2, 8.",
        "2 rows were skipped as blank: lines 3 to 4.",
        "1 row was skipped as a repeated heading: line 6.",
    )


def test_errors_of_excel_are_no_answers() -> None:
    table = _read("candidate,answer\nc1,#NAME?\nc2,#N/A\n")
    assert [(problem.line, problem.column) for problem in table.problems] == [(2, "answer")]
    assert len(table.rows) == 2


def test_nul_is_removed_and_told() -> None:
    table = _read("candidate,answer\nc1,a\0b\n")
    assert _answers(table) == ["ab"]
    assert table.notices == ("line 2, column answer: a NUL character, which no file can hold, was removed.",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_lines_end_in_any_way(end: str) -> None:
    assert _answers(_read(end.join(["candidate,answer", 'c1,"a', 'b"', "c2,d", ""])))[1:] == ["d"]


def test_a_table_of_too_many_columns_is_refused() -> None:
    with pytest.raises(TableError, match="at most 16,384 are read"):
        _read(f"answer{',' * 20_000}\n")
