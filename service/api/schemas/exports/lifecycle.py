"""The bodies of requests and replies about exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ....exports.columns import COLUMNS, GROUPS
from ....exports.options import FORMATS, ExportFilters, ExportOptions
from ....storage.tables import Export

_ID = {"pattern": "^[0-9a-f]{32}$"}
ExportId = Annotated[str, Path(description="Id of the export: 32 hexadecimal digits.", json_schema_extra=_ID)]
EditId = Annotated[str, Path(description="Id of the comparison: 32 hexadecimal digits.", json_schema_extra=_ID)]


_EXAMPLES: list[JsonValue] = [
    {"format": "xlsx", "layout": "wide", "language": "zh", "include_answers": True},
    {"format": "csv", "filters": {"states": ["needs_review"]}, "columns": ["score", "review", "criteria"]},
]


def _complete_schema(schema: dict[str, Any]) -> None:
    """Adds what is checked with the job, for words of its own: the names of formats and columns."""
    fields = schema["properties"]
    fields["format"]["enum"] = list(FORMATS)
    fields["columns"]["anyOf"][0]["items"]["enum"] = sorted(GROUPS | {column.name for column in COLUMNS})
    schema["examples"] = _EXAMPLES


class ExportCreate(ExportOptions):
    """What to export."""

    model_config = ConfigDict(strict=True, json_schema_extra=_complete_schema)


class ManifestPublic(BaseModel):
    """What is in a file, and what it was made from."""

    schema_version: str = Field(description="Version of the layout of exported files.")
    rows: int = Field(ge=0, description="Rows of the file, without the heading; of a page, its answers.")
    answers: int = Field(ge=0, description="Answers in the file.")
    bytes: int = Field(ge=0, description="Size of the file in bytes.")
    sha256: str = Field(description="SHA-256 of the file, in hexadecimal.")
    snapshot_at: datetime = Field(description="When the results were read, all at one moment, UTC.")
    sequence: int = Field(ge=0, description="Number of the newest event that the snapshot had; 0 for none.")
    filters: ExportFilters = Field(description="The filters that were asked for.")


class ExportPublic(BaseModel):
    """An export: its state, and once it is finished its manifest."""

    id: str = Field(description="Id of the export: 32 hexadecimal digits.")
    state: Literal["queued", "running", "finished", "failed"] = Field(description="Only a finished one has a file.")
    error: str | None = Field(description="Why it failed, in a sentence; null otherwise.")
    cohort_id: str | None = Field(description="Id of the cohort; null for gradings of any.")
    format: str = Field(description="`csv`, `xlsx`, `jsonl`, `html` or `pdf`.")
    layout: Literal["long", "wide"] = Field(description="A row for each answer, or for each candidate.")
    language: Literal["zh", "en"] = Field(description="Language of headings and labels.")
    columns: list[str] | None = Field(description="The columns that were asked for; null for those of the layout.")
    include_answers: bool = Field(description="Whether the text of answers is in it.")
    include_answer_key: bool = Field(description="Whether texts of the answer key are in it.")
    rows_total: int | None = Field(ge=0, description="Answers to be written; null until the job begins.")
    rows_done: int = Field(ge=0, description="Answers written so far.")
    manifest: ManifestPublic | None = Field(description="What is in the file; null until it is finished.")
    created_by: str = Field(description="The key that asked for it.")
    created_at: datetime = Field(description="When it was asked for, UTC.")
    finished_at: datetime | None = Field(description="When it was finished or failed, UTC; null before.")
    expires_at: datetime | None = Field(description="When it is deleted, UTC.")

    @classmethod
    def from_export(cls, export: Export) -> ExportPublic:
        """Builds the public view of an export."""
        options = ExportOptions.model_validate(export.options)
        return cls(
            id=export.id,
            state=export.state,
            error=export.error,
            cohort_id=export.cohort_id,
            format=export.format,
            layout=options.layout,
            language=options.language,
            columns=options.columns,
            include_answers=options.include_answers,
            include_answer_key=options.include_answer_key,
            rows_total=export.rows_total,
            rows_done=export.rows_done,
            manifest=ManifestPublic.model_validate(export.manifest) if export.manifest else None,
            created_by=export.created_by,
            created_at=export.created_at,
            finished_at=export.finished_at,
            expires_at=export.expires_at,
        )


class DictionaryEntry(BaseModel):
    """A column of an exported file."""

    heading: str = Field(description="What stands above the column; in JSON lines, where the field is.")
    name: str = Field(description="The name of the column, the same in both languages.")
    key: str = Field(description="The field of an answer or of a criterion that it has.")
    question_id: str | None = Field(description="In the wide layout the question of the column; null otherwise.")
    criterion: int | None = Field(ge=1, description="Position of the criterion in the rubric, from 1; null otherwise.")
    group: str = Field(description="The group by which the column can be chosen.")
    type: Literal["text", "integer", "number", "time"] = Field(description="What its cells hold; ids are text.")
    editable: bool = Field(description="Whether edits of it can be sent back.")
    description: str = Field(description="What it means, with unit and range, in the language of the export.")


class DictionaryPublic(BaseModel):
    """The data dictionary of an exported file."""

    export_id: str = Field(description="Id of the export.")
    schema_version: str = Field(description="Version of the layout of exported files.")
    columns: list[DictionaryEntry] = Field(description="The columns in their order; a page has none.")

    @classmethod
    def from_export(cls, export: Export) -> DictionaryPublic:
        """Builds the dictionary of a finished export."""
        entries: list[dict[str, Any]] = export.dictionary or []
        return cls(
            export_id=export.id,
            schema_version=(export.manifest or {}).get("schema_version", ""),
            columns=[DictionaryEntry.model_validate(entry) for entry in entries],
        )
