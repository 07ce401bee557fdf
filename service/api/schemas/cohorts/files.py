"""The bodies of requests and replies about files of cohorts and mappings of columns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ....cohorts.files.faults import load_words, say
from ....cohorts.files.mapping import FileMapping
from ....storage.tables import CohortFile, ColumnMapping
from ..common import RequestBody

_PROBLEMS_SHOWN = 100
_LONG: JsonDict = {"layout": "long", "answer": "回答", "question": "题号", "candidate": ["姓名"]}
_WIDE: JsonDict = {
    "layout": "wide",
    "answers": [{"column": "1. What does quantization do?", "question_id": "quantization"}],
    "candidate": ["Name", "Email"],
}


class Text(BaseModel):
    """The same in Chinese and English."""

    zh: str = Field(description="In simplified Chinese.")
    en: str = Field(description="In English.")


class FileProblem(BaseModel):
    """One thing about a file or a row."""

    code: str = Field(description="The kind, one of the fixed list in docs/api/cohort-files.md.")
    level: Literal["error", "warning", "notice"] = Field(
        description="`error`: the row, or without a row the whole file, cannot be used. The others can."
    )
    row: int | None = Field(ge=1, description="The row of the file, from 1 with the heading; null for the whole file.")
    column: str | None = Field(description="Name of the column; null if it is none of one column.")
    value: str | None = Field(description="What stands there, at most 80 characters; null if it is empty.")
    message: Text = Field(description="What is wrong.")
    fix: Text = Field(description="What to do about it.")

    @classmethod
    def from_document(cls, fault: dict[str, Any]) -> FileProblem:
        """Returns a problem as it was stored, in words."""
        (zh, zh_fix), (en, en_fix) = (say(fault["code"], fault["values"], language) for language in ("zh", "en"))
        return cls(
            code=fault["code"],
            level=load_words()[fault["code"]].level,
            row=fault["row"],
            column=fault["column"],
            value=fault["value"],
            message=Text(zh=zh, en=en),
            fix=Text(zh=zh_fix, en=en_fix),
        )


_REASONS = {
    "heading": Text(zh="表头表明了含义", en="Its heading says so."),
    "similar_heading": Text(
        zh="表头与一道题相近，但不完全相同", en="Its heading is like a question, and not the same."
    ),
    "question": Text(zh="表头是题库里的一道题", en="Its heading is a known question."),
    "beside_answers": Text(
        zh="是得分、反馈或参考答案，不是作答", en="It has points, feedback or a key, and no answers."
    ),
    "unclear": Text(zh="看起来是题目，但题库里没有", en="It looks like a question and is none of the known ones."),
    "not_known": Text(
        zh="表头不是已知的字段或题目，不会使用", en="Its heading is no known field or question; not used."
    ),
}


class ColumnPublic(BaseModel):
    """A column of the file, and what it was taken for."""

    name: str = Field(description="Its name: the heading, made unique.")
    label: str | None = Field(description="What a second row of headings says; null without one.")
    field: str | None = Field(description="The field it was taken for, such as `answer`; null for none.")
    question_id: str | None = Field(description="The question it was taken for; null for none.")
    confidence: Literal["sure", "likely", "unclear", "none"] = Field(description="How sure the guess is.")
    why: Text = Field(description="Why it was taken for this.")


class FirstRow(BaseModel):
    """One of the first rows."""

    row: int = Field(ge=1, description="The row of the file, from 1 with the heading.")
    values: dict[str, str | None] = Field(description="Its cells by column, at most 80 characters of each.")


class FileCounts(BaseModel):
    """What a file has. Rows without any answer are rows."""

    rows: int = Field(ge=0, description="Rows below the headings.")
    valid_rows: int = Field(ge=0, description="Rows without an error.")
    invalid_rows: int = Field(ge=0, description="Rows with an error; all rows if the whole file has one.")
    answers: int = Field(ge=0, description="Answers that can be graded.")
    errors: int = Field(ge=0, description="Errors.")
    warnings: int = Field(ge=0, description="Warnings.")


class AppliedPublic(BaseModel):
    """What became of a file's answers."""

    created: int = Field(ge=0, description="Items that are new.")
    changed: int = Field(ge=0, description="Items whose answer, question or candidate changed: each has a new version.")
    unchanged: int = Field(ge=0, description="Items that were there already and cost nothing.")
    left_out_rows: int = Field(ge=0, description="Rows with errors, which were left out.")
    on_invalid: Literal["all_or_nothing", "valid_rows_only"] = Field(description="What was asked for.")


class CohortFilePublic(BaseModel):
    """A file of a cohort, without its report."""

    id: str = Field(description="Id of the file: 32 hexadecimal digits.")
    cohort_id: str = Field(description="Id of the cohort.")
    name: str = Field(description="Name of the file, at most 200 characters.")
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(description="SHA-256 of its bytes.")
    encoding_given: str | None = Field(description="The encoding that you named; null if it was found.")
    sheet_given: str | None = Field(description="The sheet that you named; null if it was found.")
    counts: FileCounts = Field(description="How much of it can be used.")
    created_at: datetime = Field(description="Time of the upload, UTC.")
    applied: AppliedPublic | None = Field(description="What became of it; null before `apply`.")
    applied_at: datetime | None = Field(description="Time of the last `apply`, UTC; null before.")

    @classmethod
    def from_file(cls, file: CohortFile) -> CohortFilePublic:
        """Returns the public view of a file."""
        return cls(**_describe(file))


class CohortFileReport(CohortFilePublic):
    """A file of a cohort with what was found in it."""

    format: str = Field(description="Ending of its name, such as `xlsx`.")
    encoding: str | None = Field(description="The encoding that it was read in; null for workbooks.")
    delimiter: str | None = Field(description="What stands between its cells; null for other files.")
    sheet: str | None = Field(description="The sheet that was read; null for text.")
    columns: list[ColumnPublic] = Field(description="Its columns in their order, and what each was taken for.")
    mapping: FileMapping | None = Field(description="Which column is what; null if it could not be guessed.")
    mapping_source: Literal["guessed", "saved", "given"] | None = Field(description="Where the mapping is from.")
    saved_mapping: str | None = Field(description="Name of the saved mapping that was used; null for none.")
    first_rows: list[FirstRow] = Field(description="The first rows, at most 5.")
    problems: list[FileProblem] = Field(
        description="The first 100 problems in the order of the file; `…/problems` has all."
    )
    problem_count: int = Field(ge=0, description="How many problems there are in all.")

    @classmethod
    def from_file(cls, file: CohortFile) -> CohortFileReport:
        """Returns the public view of a file with its report."""
        report = file.report
        columns = [
            ColumnPublic(
                **{name: value for name, value in column.items() if name != "reason"}, why=_REASONS[column["reason"]]
            )
            for column in report["columns"]
        ]
        shown = report["problems"][:_PROBLEMS_SHOWN]
        return cls(
            **_describe(file),
            **{name: report[name] for name in ("format", "encoding", "delimiter", "sheet", "mapping_source")},
            columns=columns,
            mapping=FileMapping.model_validate(file.mapping) if file.mapping else None,
            saved_mapping=report["saved_mapping"],
            first_rows=[FirstRow(**row) for row in report["first_rows"]],
            problems=[FileProblem.from_document(fault) for fault in shown],
            problem_count=len(report["problems"]),
        )


def _describe(file: CohortFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "cohort_id": file.cohort_id,
        "name": file.name,
        "size": file.size,
        "sha256": file.sha256,
        "encoding_given": file.reading["encoding"],
        "sheet_given": file.reading["sheet"],
        "counts": FileCounts(**file.counts),
        "created_at": file.created_at,
        "applied": AppliedPublic(**file.applied) if file.applied else None,
        "applied_at": file.applied_at,
    }


class FileMappingChange(RequestBody):
    """How a file is to be read."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"mapping": _LONG}, {"mapping": _WIDE, "sheet": "Form1"}]}
    )
    mapping: FileMapping | None = Field(
        default=None, description="Which column is what; null to guess it, as for `sheet` or `encoding` alone."
    )
    encoding: str | None = Field(default=None, max_length=40, description="Encoding of the text; null to find it.")
    sheet: str | None = Field(default=None, max_length=200, description="Sheet by name or number; null to find it.")


class FileApply(RequestBody):
    """What to do with rows that have errors."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on_invalid": "valid_rows_only"}]})
    on_invalid: Literal["all_or_nothing", "valid_rows_only"] = Field(
        default="all_or_nothing",
        description="`all_or_nothing`: a file with an error is refused. `valid_rows_only`: rows with one are left out.",
    )


class MappingCreate(RequestBody):
    """A mapping to keep under a name."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "问卷星", "columns": ["姓名", "题号", "回答"], "mapping": _LONG}]},
    )
    name: str = Field(min_length=1, max_length=200, description="Its name, 1 to 200 characters, unique.")
    columns: list[str] = Field(
        min_length=1, max_length=16_384, description="All columns of the files that it is for, in any order."
    )
    mapping: FileMapping = Field(description="Which column is what.")


class MappingPublic(BaseModel):
    """A saved mapping. A file with these headings is read by it."""

    id: str = Field(description="Id of the mapping: 32 hexadecimal digits.")
    name: str = Field(description="Its name.")
    headings_hash: str = Field(description="SHA-256 of the headings that it is for, in any order and spelling.")
    mapping: FileMapping = Field(description="Which column is what.")
    created_at: datetime = Field(description="Time when it was saved, UTC.")

    @classmethod
    def from_row(cls, row: ColumnMapping) -> MappingPublic:
        """Returns the public view of a saved mapping."""
        return cls(
            id=row.id,
            name=row.name,
            headings_hash=row.headings_hash,
            mapping=FileMapping.model_validate(row.mapping),
            created_at=row.created_at,
        )
