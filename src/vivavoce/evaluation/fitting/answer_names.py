"""Names of the bank's answers in tables, such as 'weak', 'weak/2' and 'weak/verbose/2'."""

from __future__ import annotations

from typing import cast, get_args

from vivavoce.rubrics.qualification import Quality, Style


def name_answer(quality: Quality, style: Style, number: int) -> str:
    """The name of an answer; `number` counts those of the same quality and style from 1."""
    name = quality if style == "usual" else f"{quality}/{style}"
    return name if number == 1 else f"{name}/{number}"


def parse_answer_name(name: str) -> tuple[Quality, Style, int]:
    """Quality, style and number of an answer from its name."""
    quality, *rest = name.split("/")
    style = rest[0] if rest and rest[0] in get_args(Style) else "usual"
    number = int(rest[-1]) if rest and rest[-1].isdigit() else 1
    return cast(Quality, quality), cast(Style, style), number
