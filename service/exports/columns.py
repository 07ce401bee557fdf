"""The columns of exported answers, with their names and descriptions in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from vivavoce.rubrics import Language

Kind = Literal["text", "integer", "number", "time"]
CRITERIA_GROUPS = frozenset({"criteria", "criterion_signals"})
_FILE = Path(__file__).parent / "columns.yaml"


@dataclass(frozen=True)
class Column:
    """A column of an answer; one of a criterion stands once for each position in the rubric.

    `identifies` says that it stands in every file, `is_edited` that people may edit it and send it back.
    """

    key: str
    group: str
    kind: Kind
    zh: str
    en_description: str
    zh_description: str
    identifies: bool = False
    is_edited: bool = False

    @property
    def of_criterion(self) -> bool:
        """Whether it tells of one criterion."""
        return self.group in CRITERIA_GROUPS

    @property
    def name(self) -> str:
        """The name by which callers choose it; one of a criterion begins with c_."""
        return f"c_{self.key}" if self.of_criterion else self.key


@dataclass(frozen=True)
class PlacedColumn:
    """A column of a file: of a question in the wide layout, and of the criterion at a position from 1."""

    column: Column
    language: Language
    question_id: str | None = None
    position: int | None = None

    @cached_property
    def name(self) -> str:
        """The name of the field, as in JSON."""
        name = f"c{self.position}_{self.column.key}" if self.position else self.column.key
        return f"{self.question_id}.{name}" if self.question_id else name

    @cached_property
    def heading(self) -> str:
        """What stands above it."""
        if self.language == "en":
            return self.name
        heading = f"评分项{self.position} {self.column.zh}" if self.position else self.column.zh
        return f"{self.question_id} {heading}" if self.question_id else heading

    def describe(self) -> dict[str, Any]:
        """Returns its entry in the data dictionary."""
        is_chinese = self.language == "zh"
        return {
            "heading": self.heading,
            "name": self.name,
            "key": self.column.key,
            "question_id": self.question_id,
            "criterion": self.position,
            "group": self.column.group,
            "type": self.column.kind,
            "editable": self.column.is_edited,
            "description": self.column.zh_description if is_chinese else self.column.en_description,
        }


def place_columns(
    columns: list[Column], *, language: Language, criteria: int, question_id: str | None = None
) -> list[PlacedColumn]:
    """Returns the columns as they stand in a file: those of criteria together, once for each of `criteria`."""
    first = next((place for place, column in enumerate(columns) if column.of_criterion), len(columns))
    placed = [PlacedColumn(column, language, question_id) for column in columns[:first]]
    for position in range(1, criteria + 1):
        placed += [
            PlacedColumn(column, language, question_id, position) for column in columns[first:] if column.of_criterion
        ]
    rest = [column for column in columns[first:] if not column.of_criterion]
    return placed + [PlacedColumn(column, language, question_id) for column in rest]


def _read_columns() -> tuple[Column, ...]:
    groups = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Column(key=key, group=group, **values) for group, keys in groups.items() for key, values in keys.items()
    )


_ALL = _read_columns()
COLUMNS = tuple(column for column in _ALL if column.group != "wide")
CANDIDATE_COLUMNS = tuple(column for column in _ALL if column.key in ("candidate", "answers", "scored"))
"""The columns in front of those of questions, in the wide layout."""
GROUPS = frozenset(column.group for column in COLUMNS)
WIDE_COLUMNS = (
    *("external_id", "outcome", "final_score", "score", "score_min", "score_max", "confidence", "flags"),
    *("human_score", "human_comment", "c_id", "c_level", "c_points", "c_max_points", "c_human_level"),
    *("graded_at", "grading_id", "feedback"),
)
"""The columns of each question in the wide layout, unless the caller chooses."""
