"""Which column of a file is what: as it was guessed, saved or corrected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vivavoce.tables.headings import normalize_heading

Column = Annotated[str, Field(min_length=1, max_length=1000)]
# The column that files of bad rows have beside their own.
ERROR_COLUMN = "error"


class AnswerColumn(BaseModel):
    """A column of answers in the wide form."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: Column = Field(description="Name of the column, 1 to 1,000 characters.")
    question_id: str | None = Field(
        default=None, max_length=64, description="Id of the question; null if `asked_in` has it."
    )
    asked_in: Column | None = Field(
        default=None, description="The column with each row's question, where questions are drawn at random; else null."
    )


class FileMapping(BaseModel):
    """Which column of a file is what."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    layout: Literal["long", "wide"] = Field(description="`long`: a row an answer. `wide`: a row a candidate.")
    answer: Column | None = Field(default=None, description="Long form: the column of answers.")
    question: Column | None = Field(default=None, description="Long form: the column of questions, by id or text.")
    question_id: str | None = Field(
        default=None, max_length=64, description="Long form: the question of all rows, instead of `question`."
    )
    answers: tuple[AnswerColumn, ...] = Field(
        default=(), max_length=500, description="Wide form: the columns of answers, at most 500."
    )
    candidate: tuple[Column, ...] = Field(
        default=(),
        max_length=10,
        description="Columns that name the candidate; the first that is not empty counts. At most 10.",
    )
    name_parts: tuple[Column, ...] = Field(
        default=(), max_length=2, description="Two columns, the given name and the family name; before `candidate`."
    )
    external_id: Column | None = Field(
        default=None,
        description="The column with your own id of each answer (long form) or candidate (wide form), unique in the "
        "file. The same id sent again replaces the answer.",
    )
    identity: tuple[Column, ...] = Field(
        default=(),
        max_length=10,
        description="Without `external_id`: columns whose cells, with the question, make the id of an answer. By "
        "default those of the candidate; without any, the answer itself. At most 10.",
    )
    language: Column | None = Field(default=None, description="The column with the language of the answer, zh or en.")
    metadata: tuple[Column, ...] = Field(
        default=(), max_length=16, description="Columns that are kept with each answer, at most 16."
    )
    question_names: dict[str, str] = Field(
        default_factory=dict,
        max_length=500,
        description="What the file calls a question, and its id, for names that are not known. At most 500.",
    )

    def list_columns(self) -> Iterator[str]:
        """All columns that the mapping names."""
        single = (self.answer, self.question, self.external_id, self.language)
        yield from filter(None, single)
        yield from (*self.candidate, *self.name_parts, *self.identity, *self.metadata)
        for item in self.answers:
            yield item.column
            if item.asked_in:
                yield item.asked_in

    def list_questions(self) -> Iterator[str]:
        """All questions that the mapping names."""
        named = (self.question_id, *(item.question_id for item in self.answers), *self.question_names.values())
        yield from filter(None, named)

    def to_document(self) -> dict[str, Any]:
        """The mapping as JSON."""
        return self.model_dump(mode="json")


def hash_headings(columns: Sequence[str]) -> str:
    """SHA-256 of the headings of a file, without regard to their order, case, blanks and marks."""
    keys = sorted(normalize_heading(column) for column in columns if column != ERROR_COLUMN)
    return hashlib.sha256(json.dumps(keys, ensure_ascii=False).encode()).hexdigest()


def find_saved(
    saved: Sequence[tuple[str, str, Mapping[str, Any]]], columns: Sequence[str]
) -> tuple[str, FileMapping] | None:
    """The name and the mapping of the first of `saved` (name, hash, mapping) that is for these columns."""
    wanted = hash_headings(columns)
    for name, headings_hash, document in saved:
        mapping = FileMapping.model_validate(document)
        if headings_hash == wanted and set(mapping.list_columns()) <= set(columns):
            return name, mapping
    return None
