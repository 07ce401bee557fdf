"""Route that imports rubrics from Canvas; its path is no part of /v1/rubrics, where it would look like an id."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from ....own_rubrics import copies, versions
from ....storage.tables import new_id
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import CANVAS_BODY, link_to, made_replies, problem_replies
from ...idempotency import OnceDep
from ...rubric_body import read_canvas_body
from ...schemas.rubrics.versions import RubricImport, RubricSummary

_OF_A_RUBRIC = (
    "read_rubric",
    "edit_rubric",
    "lint_rubric",
    "compare_rubric",
    "export_rubric",
    "test_rubric",
    "freeze_rubric",
    "retire_rubric",
    "delete_rubric",
)
"""The operations on a version; its address is no part of that of an import."""
router = APIRouter(prefix="/v1/rubric-imports", tags=["rubrics"], dependencies=[Depends(refuse_unknown_parameters)])


@router.post(
    "",
    status_code=201,
    summary="Import rubrics from Canvas",
    openapi_extra={"requestBody": CANVAS_BODY},
    responses={
        **made_replies(201, links=link_to(*_OF_A_RUBRIC, rubric_id="/items/0/id")),
        **problem_replies(415),
    },
)
def import_rubrics(
    text: Annotated[str, Depends(read_canvas_body)],
    once: OnceDep,
    language: Annotated[Literal["zh", "en"], Query(description="Language of the rubrics in the file.")] = "en",
) -> RubricImport:
    """Makes a draft of each rubric in a CSV file that Canvas wrote. They lack expected points and references."""
    file = copies.read_canvas_drafts(text, language)
    ids = [new_id() for _ in file.rubrics]

    def store(session: Session) -> RubricImport:
        pairs = zip(file.rubrics, ids, strict=True)
        rows = [versions.create(session, rubric, rubric_id=rubric_id) for rubric, rubric_id in pairs]
        items = [RubricSummary.from_row(row) for row in rows]
        return RubricImport(items=items, notices=list(file.notices), failures=list(file.failures))

    return once.run(
        store, reply_type=RubricImport, body={"text": text}, location=lambda made: f"/v1/rubrics/{made.items[0].id}"
    )
