"""The bodies of replies about edited grades."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ....storage.tables import GradeEdit


class DecisionPublic(BaseModel):
    """What a person decided about a grading."""

    score: float | None = Field(ge=0, le=10, description="Score, 0 to 10; null for none.")
    levels: dict[str, int] = Field(description="Level of each criterion that the person set, by its id, from 0.")
    comment: str | None = Field(description="Comment; null for none.")


class GradeChangePublic(BaseModel):
    """A row that changes a grade."""

    row: int = Field(ge=1, description="Row of the file, from 1 for the heading.")
    grading_id: str = Field(description="Id of the grading.")
    external_id: str | None = Field(description="Your id of the answer; null outside cohorts.")
    candidate: str | None = Field(description="Your reference for the candidate.")
    question_id: str = Field(description="Id of the question.")
    machine_score: float | None = Field(ge=0, le=10, description="The machine's score, which stays as it is.")
    before: DecisionPublic = Field(description="The newest decision of a person now.")
    after: DecisionPublic = Field(description="The decision that would be added.")
    replaces_person: bool = Field(description="Whether it takes the place of a person's decision; both are kept.")


class EditProblemPublic(BaseModel):
    """A row that cannot be applied."""

    row: int = Field(ge=1, description="Row of the file, from 1 for the heading.")
    column: str | None = Field(description="Heading of the column to blame; null for the whole row.")
    code: str = Field(description="What is wrong, as a fixed code.")
    value: str | None = Field(description="What stands in the cell, at most 200 characters.")
    message_en: str = Field(description="What is wrong and how to repair it, in English.")
    message_zh: str = Field(description="The same in Chinese.")


class EditCountsPublic(BaseModel):
    """How many rows there are of each kind."""

    rows: int = Field(ge=0, description="Gradings in the file.")
    changed: int = Field(ge=0, description="Those that would change.")
    replacing_person: int = Field(ge=0, description="Those of them that take the place of a person's decision.")
    unchanged: int = Field(ge=0, description="Those that say what is stored already.")
    problems: int = Field(ge=0, description="Problems; a row can have several.")


class GradeEditPublic(BaseModel):
    """What an edited file would change."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="Id of the comparison, by which it is applied.")
    export_id: str = Field(description="Id of the export that was edited.")
    file_name: str = Field(description="Name of the file as you gave it.")
    sha256: str = Field(description="SHA-256 of the file that was sent.")
    counts: EditCountsPublic = Field(description="How many rows there are of each kind.")
    changes: list[GradeChangePublic] = Field(description="The rows that change a grade, in the order of the file.")
    problems: list[EditProblemPublic] = Field(description="The rows that cannot be applied, in the order of the file.")
    created_by: str = Field(description="The key that sent the file.")
    created_at: datetime = Field(description="When it was compared, UTC.")
    applied_at: datetime | None = Field(description="When it was applied, UTC; null until then.")

    @classmethod
    def from_edit(cls, edit: GradeEdit) -> GradeEditPublic:
        """Builds the public view of a comparison."""
        return cls.model_validate(edit)
