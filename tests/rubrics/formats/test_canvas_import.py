"""Canvas files as people and spreadsheet programs leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.rubrics import InvalidRubric, Language, RubricUnreadable
from vivavoce.rubrics.formats import RubricFile, read_rubrics

HEAD = "Rubric Name,Criteria Name,Criteria Description,Criteria Enable Range" + (
    ",Rating Name,Rating Description,Rating Points" * 3
)


def _read(
    tmp_path: Path, content: str | bytes, *, language: Language = "en", encoding: str | None = None
) -> RubricFile:
    file = tmp_path / "canvas.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return read_rubrics(file, language=language, encoding=encoding)


def _read_levels(tmp_path: Path, row: str) -> tuple[list[tuple[float, str, str]], str]:
    """The levels of the only criterion, and all notices but that on the layout."""
    read = _read(tmp_path, f"{HEAD}\n{row}\n")
    (rubric,) = read.rubrics
    (criterion,) = rubric.criteria
    levels = [(level.points, level.name, level.description) for level in criterion.levels]
    return levels, " ".join(notice for notice in read.notices if "layout" not in notice)


def test_ratings_of_equal_points_become_one_level(tmp_path: Path) -> None:
    levels, notices = _read_levels(tmp_path, "A,B,,false,Good,Explains,5,Fair,Names,5,None,Nothing,0")
    assert levels == [(0, "None", "Nothing"), (5, "Good / Fair", "Explains / Names")]
    assert "Line 2, criterion 'B': its ratings 'Good' / 'Fair' are worth the same, 5" in notices


def test_ratings_may_rise(tmp_path: Path) -> None:
    levels, notices = _read_levels(tmp_path, "A,B,,false,None,No,0,Some,Half,2,Full,All,5")
    assert [points for points, _, _ in levels] == [0, 2, 5]
    assert "its ratings were sorted" in notices


@pytest.mark.parametrize("ratings", ["Full,All,5", "Full,All,5,Same,Same,5"])
def test_one_number_of_points_gets_a_level_of_none(tmp_path: Path, ratings: str) -> None:
    levels, notices = _read_levels(tmp_path, f"A,B,,false,{ratings}")
    assert levels[0] == (0, "No marks", "")
    assert levels[1][0] == 5
    assert "a level of 0 points was added, which you must describe" in notices


def test_a_lowest_rating_above_zero_stays_and_is_told(tmp_path: Path) -> None:
    levels, notices = _read_levels(tmp_path, "A,B,,false,Full,All,10,Poor,Little,2")
    assert [points for points, _, _ in levels] == [2, 10]
    assert "its lowest rating gives 2 points, but an empty answer gets 0" in notices


def test_a_criterion_for_comments_is_left_out_by_name(tmp_path: Path) -> None:
    rows = "A,B,,false,Full,All,5,None,No,0\nA,Attended,,false,Yes,Was there,0,No,Was not,0\n"
    read = _read(tmp_path, f"{HEAD}\n{rows}")
    assert [criterion.id for criterion in read.rubrics[0].criteria] == ["criterion-1"]
    assert any("Line 3, criterion 'Attended': it gives no points" in notice for notice in read.notices)


def test_a_penalty_becomes_a_mistake(tmp_path: Path) -> None:
    rows = "A,B,,false,Full,All,5,None,No,0\nA,Error,,false,Fine,Right,0,Bad,Claims it is safe,-2\n"
    read = _read(tmp_path, f"{HEAD}\n{rows}")
    mistake = read.rubrics[0].criteria[1]
    assert (mistake.kind, mistake.points, mistake.levels[1].description) == ("negative", -2, "Claims it is safe")
    assert any("'Fine', what is right, is left out" in notice for notice in read.notices)


@pytest.mark.parametrize(
    ("points", "read"),
    [
        ("5 pts", 5),
        ("5 points", 5),
        ("5分", 5),
        ("５", 5),
        (" 5 ", 5),
        ('"2,5"', 2.5),
        ("2.50", 2.5),
        ("１．５ 分", 1.5),
    ],
)
def test_points_are_read_as_people_write_them(tmp_path: Path, points: str, read: float) -> None:
    levels, _ = _read_levels(tmp_path, f"A,B,,false,Full,All,{points},None,No,0 pts")
    assert [level[0] for level in levels] == [0, read]


@pytest.mark.parametrize(
    ("ratings", "words"),
    [
        (
            "Full,All,10-8,None,No,0",
            "rating 'Full': '10-8' is a range of points, and a rating has one number: write its",
        ),
        ("Full,All,10 to > 8 pts,None,No,0", "is a range of points"),
        ("Full,All,nan,None,No,0", "'nan' is no number of points"),
        ("Full,All,inf,None,No,0", "'inf' is no number of points"),
        ("Full,All,1e400,None,No,0", "'1e400' is no number of points"),
        ("Full,All,50%,None,No,0", "'50%' is a percentage"),
        ('Full,All,"1,000",None,No,0', "'1,000' is no number of points"),
        ("Full,All,,None,No,0", "rating 'Full': it has no points"),
        (",,,,,", "criterion 'B' has no ratings"),
        ("No error,Fine,0,Minor,Small,-1,Major,Big,-3", "take points away in several steps"),
        ("Full,All,5,None,No,0,Bad,Wrong,-2", "make the mistake a criterion of its own, with the ratings 0 and -2"),
        ("Yes,There,0,No,Not,0", "no criterion of rubric 'A' gives points"),
    ],
)
def test_ratings_that_fit_no_criterion_are_told_by_line(tmp_path: Path, ratings: str, words: str) -> None:
    with pytest.raises(InvalidRubric) as error:
        _read(tmp_path, f"{HEAD}\nA,B,,false,{ratings}\n")
    assert ", line 2: " in str(error.value)
    assert words in str(error.value)


def test_thirteen_criteria_are_told_in_words_of_a_user(tmp_path: Path) -> None:
    rows = "".join(f"A,C{number},,false,Full,All {number},5,None,No,0\n" for number in range(13))
    with pytest.raises(InvalidRubric, match="there are 13, and at most 12 are allowed: join some"):
        _read(tmp_path, f"{HEAD}\n{rows}")


def test_one_bad_rubric_leaves_the_others(tmp_path: Path) -> None:
    rows = (
        "A,B,,false,Full,All,5,None,No,0\n"
        "Bad,B,,false,Full,All,5,None,No,0\nBad,C,,false,Full,All,five,None,No,0\n"
        "Z,B,,false,Full,All,4,None,No,0\n"
    )
    read = _read(tmp_path, f"{HEAD}\n{rows}")
    assert [rubric.question.text for rubric in read.rubrics] == ["A", "Z"]
    (failure,) = read.failures
    assert "canvas.csv, line 4: criterion 'C', rating 'Full': 'five' is no number" in failure


def test_a_row_without_a_rubrics_name_makes_the_one_above_incomplete(tmp_path: Path) -> None:
    with pytest.raises(InvalidRubric, match="line 3: a row needs a Rubric Name"):
        _read(tmp_path, f"{HEAD}\nA,B,,false,Full,All,5,None,No,0\n,C,,false,Full,All,5,None,No,0\n")


ROW = "A,B,,false,Full,All,5,None,No,0\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD.replace(',', ', ')}\n{ROW}",
        f"{HEAD.upper()}\n{ROW}",
        f"{HEAD.lower().replace(' ', '_')}\n{ROW}",
        f"{HEAD.replace('Criteria', 'Criterion')}\n{ROW}",
        f"{HEAD.replace('Rubric Name', chr(0x200B) + 'Rubric Name ')}\n{ROW}",
        f"Export of today\n\n{HEAD}\n{ROW}",
        f"{HEAD},,\n{ROW}",
        f"{HEAD}\n{ROW}".replace(",", ";"),
        f"{HEAD}\n{ROW}".replace(",", "\t"),
        f"sep=;\n{HEAD}\n{ROW}".replace(",", ";"),
        f"{HEAD}\n{ROW}".replace("\n", "\r"),
        "Rubric Name,Criteria Name,Rating Name,Rating Points,Rating Name 2,Rating Points 2\nA,B,Full,5,None,0\n",
    ],
)
def test_the_table_is_found_in_any_layout(tmp_path: Path, text: str) -> None:
    read = _read(tmp_path, text)
    (rubric,) = read.rubrics
    assert [(level.points, level.name) for level in rubric.criteria[0].levels] == [(0, "None"), (5, "Full")]
    assert any("layout" in notice for notice in read.notices)


def test_a_column_that_is_not_read_is_named(tmp_path: Path) -> None:
    head = HEAD.replace("Criteria Enable", "Remarks,Criteria Enable")
    read = _read(tmp_path, f"{head}\nA,B,,for me,false,Full,All,5,None,No,0\n")
    assert "Column 'Remarks' is no column of a Canvas rubric: it is not read." in read.notices


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(RubricUnreadable, match=r"not there: Rating Name, Rating Points\)"):
        _read(tmp_path, "Rubric Name,Criteria Name,Points\nA,B,5\n")


@pytest.mark.parametrize(("row", "line"), [('A,B,,false,"Full,All,5', 3), ('A,B,,false,"Full"x,All,5', 3)])
def test_quotes_that_go_wrong_are_told_where_they_open(tmp_path: Path, row: str, line: int) -> None:
    with pytest.raises(RubricUnreadable, match=f"line {line}: .*quotation mark"):
        _read(tmp_path, f"{HEAD}\n{ROW}{row}\n{ROW}")


def test_html_in_descriptions_becomes_text(tmp_path: Path) -> None:
    row = 'A,B,<p>Why&nbsp;it works</p>,false,Full,"<ul><li>One</li><li>Two</li></ul>",5,None,<p>&nbsp;</p>,0\n'
    read = _read(tmp_path, f"{HEAD}\n{row}")
    (criterion,) = read.rubrics[0].criteria
    assert criterion.grader_notes == "Why it works"
    assert [level.description for level in criterion.levels] == ["", "- One\n- Two"]
    assert any("its HTML became plain text" in notice for notice in read.notices)


CHINESE = f"{HEAD}\n系统设计,数据模型,说明表和键的关系,false,好,说出主键的作用,5分,差,没有说出任何表,0分\n"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig", "big5"])
def test_chinese_files_of_excel_are_read(tmp_path: Path, encoding: str) -> None:
    text = (
        CHINESE.translate(str.maketrans("统设计数据说键关系没务", "統設計數據說鍵關係沒務"))
        if encoding == "big5"
        else CHINESE
    )
    read = _read(tmp_path, text.encode(encoding), language="zh")
    (rubric,) = read.rubrics
    assert rubric.question.text == text.split("\n")[1].split(",")[0]
    assert any("was read as" in notice for notice in read.notices) is (encoding in ("gb18030", "big5"))


def test_an_encoding_may_be_named(tmp_path: Path) -> None:
    read = _read(tmp_path, CHINESE.encode("gb18030"), language="zh", encoding="gb18030")
    assert not any("was read as" in notice for notice in read.notices)
