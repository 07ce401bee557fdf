"""What an export is to hold: its format, layout, columns and which gradings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..cohorts.outcomes import Outcome
from ..errors import UnusableExport
from ..times import Time
from .columns import COLUMNS, GROUPS, WIDE_COLUMNS, Column

FORMATS = ("csv", "xlsx", "jsonl", "html", "pdf")
PAGES = frozenset({"html", "pdf"})
"""The formats that people read, with a layout of their own."""
_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
_ANSWER_GROUP, _KEY_GROUP = "answer", "answer_key"


class ExportFilters(BaseModel):
    """Which answers an export holds; each filter that is set must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    states: list[Outcome] | None = Field(
        default=None, min_length=1, max_length=8, description="Only answers with one of these outcomes; null for all."
    )
    question_ids: list[str] | None = Field(
        default=None, min_length=1, max_length=100, description="Only answers to these questions, at most 100."
    )
    candidates: list[str] | None = Field(
        default=None, min_length=1, max_length=100, description="Only answers of these candidates, at most 100."
    )
    created_after: Time | None = Field(default=None, description="Only answers submitted at this time or later.")
    created_before: Time | None = Field(default=None, description="Only answers submitted before this time.")


class ExportOptions(BaseModel):
    """What a caller asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cohort_id: str | None = Field(
        default=None, max_length=32, description="Id of a cohort; null for all gradings that the filters let through."
    )
    filters: ExportFilters = Field(default=ExportFilters(), description="Which of the answers; all by default.")
    format: str = Field(default="csv", max_length=16, description="`csv`, `xlsx`, `jsonl`, `html` or `pdf`.")
    layout: Literal["long", "wide"] = Field(
        default="long",
        description="`long` has a row for each answer, `wide` a row for each candidate with columns for each question.",
    )
    language: Literal["zh", "en"] = Field(
        default="en", description="Language of headings and labels. English headings are the names of the fields."
    )
    columns: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Names of columns, or of groups of columns, in any order; null for those of the layout. Columns "
        "that name an answer always stand.",
    )
    include_answers: bool = Field(default=False, description="Whether the text of the answers is exported.")
    include_answer_key: bool = Field(
        default=False,
        description="Whether texts of the answer key are exported; needs the scope `answer_key:read`, here and when "
        "the file is fetched.",
    )

    def choose_columns(self) -> list[Column]:
        """Returns the columns of an answer in their order. Raises UnusableExport for an unknown name."""
        if self.columns is None:
            names = {column.name for column in COLUMNS} if self.layout == "long" else set(WIDE_COLUMNS)
            # What is asked for by a switch of its own stands in both layouts.
            names |= {column.name for column in COLUMNS if column.group in (_ANSWER_GROUP, _KEY_GROUP)}
        else:
            names = set(self.columns) | {column.name for column in COLUMNS if column.identifies}
            if unknown := sorted(names - {column.name for column in COLUMNS} - GROUPS):
                raise UnusableExport(
                    f"There is no column '{unknown[0][:64]}': choose from the groups {', '.join(sorted(GROUPS))}, or "
                    "from the columns in the documentation of exports."
                )
        return [column for column in COLUMNS if {column.name, column.group} & names and self._may_show(column)]

    def check(self) -> None:
        """Raises UnusableExport for what cannot be exported."""
        if self.format not in FORMATS:
            raise UnusableExport(f"There is no format '{self.format}': choose {', '.join(FORMATS)}.")
        if self.format in PAGES and (self.layout == "wide" or self.columns is not None):
            raise UnusableExport(f"A page ({self.format}) has a layout of its own: leave out layout and columns.")
        if self.format in PAGES and not self.include_answers:
            raise UnusableExport(
                f"A page ({self.format}) shows the answers: set include_answers to true, or choose csv."
            )
        for moment in (self.filters.created_after, self.filters.created_before):
            if moment is not None and moment.tzinfo is None:
                raise UnusableExport(f"The time {moment.isoformat()} has no time zone: add Z for UTC.")
        self.choose_columns()

    def _may_show(self, column: Column) -> bool:
        if column.group == _ANSWER_GROUP:
            return self.include_answers
        return column.group != _KEY_GROUP or self.include_answer_key


def media_type(file_format: str) -> str:
    """Returns the media type of a format."""
    return _MEDIA_TYPES[file_format]
