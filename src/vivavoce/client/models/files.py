"""Files of answers and what was found in them."""

from __future__ import annotations

from datetime import datetime

import pydantic

from .base import Model, Text


class FileCounts(Model):
    """How many rows there are, how many can be used, and how many answers they have."""

    rows: int
    valid_rows: int
    invalid_rows: int
    answers: int
    errors: int
    warnings: int


class Applied(Model):
    """What became of the answers of a file."""

    created: int
    changed: int
    unchanged: int
    left_out_rows: int
    on_invalid: str


class CohortFile(Model):
    """A file of answers; `applied` is None until it is applied."""

    id: str
    cohort_id: str
    name: str
    size: int
    sha256: str
    encoding_given: str | None
    sheet_given: str | None
    counts: FileCounts
    created_at: datetime
    applied: Applied | None
    applied_at: datetime | None


class Column(Model):
    """A column, what it was taken for, how sure that is, and why."""

    name: str
    label: str | None
    field: str | None
    question_id: str | None
    confidence: str
    why: Text


class FileProblem(Model):
    """What is wrong with a row or cell, or without a row with the whole file."""

    code: str
    level: str
    row: int | None
    column: str | None
    value: str | None
    message: Text
    fix: Text


class AnswerColumn(Model):
    """A column with answers to one question."""

    column: str
    question_id: str | None = None
    asked_in: str | None = None


class FileMapping(Model):
    """Which column has what."""

    layout: str
    answer: str | None = None
    question: str | None = None
    question_id: str | None = None
    answers: list[AnswerColumn] = pydantic.Field(default_factory=list)
    candidate: list[str] = pydantic.Field(default_factory=list)
    name_parts: list[str] = pydantic.Field(default_factory=list)
    external_id: str | None = None
    identity: list[str] = pydantic.Field(default_factory=list)
    language: str | None = None
    metadata: list[str] = pydantic.Field(default_factory=list)
    question_names: dict[str, str] = pydantic.Field(default_factory=dict)


class FirstRow(Model):
    """One of the first rows, as it was read."""

    row: int
    values: dict[str, str | None]


class FileReport(CohortFile):
    """A file with its columns, the mapping that was guessed, saved or given, and its first 100 problems."""

    format: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    columns: list[Column]
    mapping: FileMapping | None
    mapping_source: str | None
    saved_mapping: str | None
    first_rows: list[FirstRow]
    problems: list[FileProblem]
    problem_count: int


class SavedMapping(Model):
    """A mapping that files with the same headings are read by."""

    id: str
    name: str
    headings_hash: str
    mapping: FileMapping
    created_at: datetime
