"""Which column of a wide table (a row for each candidate) has the answers to which question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vivavoce.rubrics import Bank
from vivavoce.tables import Table, TableError

from .question_matching import Guess, QuestionFinder, fold_heading
from .unclear_columns import UnclearColumn, describe_unclear, shorten

# What forms write beside an answer: points, feedback, the key.
_BESIDE_ANSWER = re.compile(
    r"^\s*(?:points|feedback|score|grade|marks?|max(?:imum)? (?:points|score)|comments?|notes?|remarks?|key"
    r"|right answer|correct answer|answer key|得分|分数|分數|评分|評分|成绩|成績|满分|滿分|反馈|意見反應"
    r"|评语|評語|备注|備註|正确答案|正確答案|标准答案|標準答案|参考答案|參考答案"
    r"|punkte|bewertung|rückmeldung|kommentar|richtige antwort|commentaires?"
    r"|réponse correcte|puntos|puntuación|comentarios?|respuesta correcta|punten|opmerking|pontos|resposta correta)"
    r"(?:\s*[-–—:：/]|\s+[0-9]|\s*$)|\[(?:score|feedback|comments?|points)\]\s*$|^q\.?\s*[0-9]+\s*/\s*[0-9.]+$",
    re.IGNORECASE,
)
# Moodle: "Response 1" answers the question in "Question 1".
RESPONSE = re.compile(
    r"^\s*(?:response|answer|回答|作答|答案|答复|答覆|回應|回应|antwort|réponse|respuesta|antwoord|resposta|risposta)"
    r"\s*([0-9]+)\s*$",
    re.IGNORECASE,
)
_QUESTION_TEXT = re.compile(
    r"^\s*(?:question|试题|試題|题目|題目|问题|問題|frage|pregunta|vraag|pergunta|questão|domanda)\s*([0-9]+)\s*$",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|^\W*[0-9]+\s*[、.．)]|^\W*(?:how|why|what|which|when|explain|describe|compare|discuss|name|define)\b"
    r"|什么|什麼|如何|怎样|怎樣|怎么|为什么|为何|為何|哪些|请|請|简述|簡述|解释|解釋|说明|說明|谈谈|談談",
    re.IGNORECASE,
)
# Shorter cells are names, marks and choices.
_TEXT_LENGTH = 25


@dataclass(frozen=True)
class NamedColumns:
    """Headings of the table with the identifiers of their questions, and headings that have no answers."""

    questions: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()


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

    Raises TableError if columns may be questions and it is not clear which, or two columns have the same question.
    """
    layout, unclear = sort_columns(table, bank, named)
    if unclear:
        raise TableError(describe_unclear(unclear, bank))
    _check_unique(layout.answers)
    return layout


def sort_columns(table: Table, bank: Bank, named: NamedColumns) -> tuple[WideLayout, Sequence[UnclearColumn]]:
    """The layout of a wide table, and the columns that may be questions although it is not clear which."""
    answers: list[AnswerColumn] = []
    unclear: list[UnclearColumn] = []
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
            elif isinstance(column, UnclearColumn):
                unclear.append(column)
            else:
                left_out[heading] = column
    return WideLayout(tuple(answers), left_out), unclear


def _read_heading(heading: str, table: Table, finder: QuestionFinder) -> AnswerColumn | UnclearColumn | str:
    """The column of answers under a heading, or why it is none."""
    label = table.labels.get(heading, "")
    if any(map(_BESIDE_ANSWER.search, (heading, label))) or _accompanies(heading, table):
        return "points, feedback or a key"
    if _QUESTION_TEXT.match(heading) and not finder.find_by_name(label):
        return "texts of questions"
    cells = [str(row.values.get(heading) or "").strip() for row in table.rows]
    if (number := RESPONSE.match(heading)) and any(cells):
        return _read_responses(heading, number[1], table, finder)
    guess = _find_question(heading, label, finder)
    if guess and guess.is_sure:
        return "numbers only" if _are_numbers(cells) else AnswerColumn(heading, guess.question_id)
    is_ours = heading in table.fields.values()
    if not is_ours and _is_text(cells) and (guess or _ASKS.search(label or heading)):
        return UnclearColumn(heading, label or heading, guess, asked=label or None)
    return "no question of the bank"


def _find_question(heading: str, label: str, finder: QuestionFinder) -> Guess | None:
    """The question of a column; the number in its heading does not count beside a text."""
    by_label = finder.find(label) if label else None
    if by_label and by_label.is_sure:
        return by_label
    if label and (known := finder.find_by_name(heading)):
        return Guess(known, is_sure=True)
    return by_label if label else finder.find(heading)


def _read_responses(heading: str, number: str, table: Table, finder: QuestionFinder) -> AnswerColumn | UnclearColumn:
    """Moodle's column of responses; quizzes with random questions ask each row its own."""
    asked_in = next((name for name in table.columns if (m := _QUESTION_TEXT.match(name)) and m[1] == number), None)
    if asked_in is None:
        return UnclearColumn(heading, heading, None)
    questions: dict[str, str] = {}
    for text in dict.fromkeys(str(row.values.get(asked_in) or "") for row in table.rows):
        if not text.strip():
            continue
        guess = finder.find(text)
        if guess is None or not guess.is_sure:
            return UnclearColumn(heading, text, guess, asked=text)
        questions[text] = guess.question_id
    return AnswerColumn(heading, None, asked_in, questions)


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
            raise TableError(
                f"Columns '{shorten(seen[column.question_id])}' and '{shorten(column.heading)}' are both the question "
                f"'{column.question_id}': leave one out with --question-columns '{column.heading}='."
            )
        seen[column.question_id] = column.heading
