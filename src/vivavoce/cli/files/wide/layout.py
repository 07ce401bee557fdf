"""Which column of a wide table (a row for each candidate) has the answers to which question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.rubrics import Bank
from vivavoce.tables import Table

from ...errors import UserError
from .question_columns import NamedColumns
from .question_matching import Guess, QuestionFinder, fold_heading

# What forms write beside an answer: points, feedback, the key.
_BESIDE_ANSWER = re.compile(
    r"^\s*(?:points|feedback|score|grade|comments?|right answer|correct answer|得分|分数|分數|评分|評分|成绩|成績"
    r"|反馈|意見反應|评语|評語|正确答案|正確答案)(?:\s*[-–—:：/]|\s+[0-9]|\s*$)"
    r"|\[(?:score|feedback)\]\s*$|^q\.?\s*[0-9]+\s*/\s*[0-9.]+$",
    re.IGNORECASE,
)
# Moodle: "Response 1" answers the question in "Question 1".
RESPONSE = re.compile(r"^\s*(?:response|answer|回答|作答|答案|答复|回應)\s*([0-9]+)\s*$", re.IGNORECASE)
_QUESTION_TEXT = re.compile(r"^\s*(?:question|试题|試題|题目|題目|问题|問題)\s*([0-9]+)\s*$", re.IGNORECASE)
_ASKS = re.compile(
    r"[?？]|^\W*[0-9]+\s*[、.．)]|^\W*(?:how|why|what|which|when|explain|describe|compare|discuss|name|define)\b"
    r"|什么|什麼|如何|怎样|怎樣|怎么|为什么|为何|為何|哪些|请|請|简述|簡述|解释|解釋|说明|說明|谈谈|談談",
    re.IGNORECASE,
)
# Shorter cells are names, marks and choices.
_TEXT_LENGTH = 25


@dataclass(frozen=True)
class AnswerColumn:
    """A column of answers: one question for all rows, or `asked_in`, the column with each row's question."""

    heading: str
    question_id: str | None
    asked_in: str | None = None
    questions: Mapping[str, str] | None = None

    def find_question(self, values: Mapping[str, Any]) -> str | None:
        """The identifier of the question that a row's answer is to; None where the row has no question."""
        if self.asked_in is None:
            return self.question_id
        assert self.questions is not None
        return self.questions.get(str(values.get(self.asked_in) or ""))


@dataclass(frozen=True)
class WideLayout:
    """The columns with answers in the order of the table, and the other ones with the reason why they have none."""

    answers: tuple[AnswerColumn, ...]
    left_out: Mapping[str, str]


def find_answer_columns(table: Table, bank: Bank, named: NamedColumns) -> WideLayout:
    """The layout of a wide table: columns that are `named`, else those whose heading is a question of the bank.

    Raises UserError if a column may be a question and it is not clear which, or two columns have the same question.
    """
    answers: list[AnswerColumn] = []
    left_out: dict[str, str] = {}
    finder = QuestionFinder.of_bank(bank)
    for heading in table.columns:
        if heading in named.questions:
            answers.append(AnswerColumn(heading, named.questions[heading]))
        elif heading in named.left_out or named.questions:
            left_out[heading] = "not named by --question-columns"
        else:
            column = _read_heading(heading, table, finder)
            if isinstance(column, AnswerColumn):
                answers.append(column)
            else:
                left_out[heading] = column
    _check_unique(answers)
    return WideLayout(tuple(answers), left_out)


def _read_heading(heading: str, table: Table, finder: QuestionFinder) -> AnswerColumn | str:
    """The column of answers under a heading, or why it is none."""
    if _BESIDE_ANSWER.search(heading) or _accompanies(heading, table):
        return "points, feedback or a key"
    if _QUESTION_TEXT.match(heading):
        return "texts of questions"
    cells = [str(row.values.get(heading) or "").strip() for row in table.rows]
    if (number := RESPONSE.match(heading)) and any(cells):
        return _read_responses(heading, number[1], table, finder)
    guess = finder.find(heading)
    if guess and guess.is_sure:
        return "numbers only" if _are_numbers(cells) else AnswerColumn(heading, guess.question_id)
    is_ours = heading in table.fields.values()
    if not is_ours and _is_text(cells) and (guess or _ASKS.search(heading)):
        raise UserError(_ask_for_question(heading, guess))
    return "no question of the bank"


def _read_responses(heading: str, number: str, table: Table, finder: QuestionFinder) -> AnswerColumn:
    """Moodle's column of responses; quizzes with random questions ask each row its own."""
    asked_in = next((name for name in table.columns if (m := _QUESTION_TEXT.match(name)) and m[1] == number), None)
    if asked_in is None:
        raise UserError(_ask_for_question(heading, None))
    questions: dict[str, str] = {}
    for text in dict.fromkeys(str(row.values.get(asked_in) or "") for row in table.rows):
        if not text.strip():
            continue
        guess = finder.find(text)
        if guess is None or not guess.is_sure:
            raise UserError(_ask_for_question(heading, guess, asked=text))
        questions[text] = guess.question_id
    return AnswerColumn(heading, None, asked_in, questions)


def _ask_for_question(heading: str, guess: Guess | None, *, asked: str | None = None) -> str:
    subject = f"Column '{shorten(heading)}'"
    problem = f"has the question '{shorten(asked)}', which is" if asked else "looks like a question, but is"
    known = f"only like '{guess.question_id}' of the bank" if guess else "none of the bank's ('viva questions')"
    example = guess.question_id if guess else "QUESTION_ID"
    return (
        f"{subject} {problem} {known}: say which it is with --question-columns "
        f"'{heading}={example}', or leave the column out with '{heading}='."
    )


def shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _accompanies(heading: str, table: Table) -> bool:
    """Whether the heading is another one with a word before or behind it, such as "Points - " and a question."""
    folded = fold_heading(heading)
    others = [fold_heading(name) for name in table.columns if name != heading]
    return any(
        len(other) >= 10 and 0 < len(folded) - len(other) <= 12 and (folded.startswith(other) or folded.endswith(other))
        for other in others
        # A number before a question is its numbering.
        if not folded.replace(other, "").isdigit()
    )


def _are_numbers(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(re.fullmatch(r"[-+]?[0-9]+(?:[.,][0-9]+)?\s*%?", cell) for cell in filled)


def _is_text(cells: Sequence[str]) -> bool:
    lengths = [len(cell) for cell in cells if cell]
    return bool(lengths) and max(lengths) >= _TEXT_LENGTH


def _check_unique(columns: Sequence[AnswerColumn]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        if column.question_id is None:
            continue
        if column.question_id in seen:
            raise UserError(
                f"Columns '{shorten(seen[column.question_id])}' and '{shorten(column.heading)}' are both the question "
                f"'{column.question_id}': leave one out with --question-columns '{column.heading}='."
            )
        seen[column.question_id] = column.heading
