"""Reads --question-columns: which column has the answers to which question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import yaml

from vivavoce.rubrics import Bank, Language, UnknownQuestion
from vivavoce.service.answer_files.wide.layout import NamedColumns
from vivavoce.service.answer_files.wide.question_matching import fold_heading

from ..errors import UserError

# A heading may have commas and equals signs, an identifier not.
_PAIR = re.compile(r"\s*(.+?)\s*=\s*([\w.-]*)\s*(?:,|$)", re.DOTALL)
_HOW = "write 'HEADING=question_id', and commas between several"


def read_question_columns(value: str | None, columns: Sequence[str], bank: Bank) -> NamedColumns | None:
    """The columns that an option names, or a YAML file of headings and questions; None without a value.

    Raises UserError for headings that the table lacks and questions that the bank lacks.
    """
    # Without any column the table is refused for that.
    if value is None or not columns:
        return None
    questions: dict[str, str] = {}
    left_out: set[str] = set()
    for heading, question_id in _read_pairs(value).items():
        column = _find_column(heading, columns)
        if question_id:
            questions[column] = _find_question(question_id, bank)
        else:
            left_out.add(column)
    return NamedColumns(questions, frozenset(left_out))


def list_named_headings(value: str | None) -> list[str]:
    """The headings of questions that an option names, or a YAML file, as the user wrote them."""
    return [] if value is None else [heading for heading, question_id in _read_pairs(value).items() if question_id]


def _read_pairs(value: str) -> dict[str, str]:
    if value.endswith((".yaml", ".yml")):
        return _read_file(Path(value))
    pairs: dict[str, str] = {}
    position = 0
    while position < len(value):
        pair = _PAIR.match(value, position)
        if pair is None:
            raise UserError(f"--question-columns '{value[position:]}' names no question: {_HOW}.")
        pairs[pair[1]] = pair[2]
        position = pair.end()
    return pairs


def _read_file(path: Path) -> dict[str, str]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError:
        raise UserError(f"{path} cannot be read: check the path.") from None
    except (yaml.YAMLError, ValueError):
        data = None
    if not isinstance(data, dict):
        raise UserError(f"{path} does not name columns: write a line 'HEADING: question_id' for each, in UTF-8.")
    return {str(heading): "" if name is None else str(name) for heading, name in data.items()}


def _find_column(heading: str, columns: Sequence[str]) -> str:
    folded = fold_heading(heading)
    alike = [name for name in columns if fold_heading(name) == folded]
    if heading in columns or len(alike) == 1:
        return heading if heading in columns else alike[0]
    raise UserError(f"--question-columns: there is no column '{heading}' (its columns: {', '.join(columns[:12])}).")


def _find_question(name: str, bank: Bank) -> str:
    for language in get_args(Language):
        try:
            return bank.get(name, language).question.id
        except UnknownQuestion:
            continue
    raise UserError(f"--question-columns: there is no question '{name}': 'viva questions' lists them.")
