"""Routes for grades that people edited in an exported file."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Query, Request, Response

from ....errors import UnusableEdits
from ....exports.options import media_type
from ....grade_edits import lifecycle
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import problem_replies
from ...schemas.exports.grade_edits import GradeEditPublic
from ...schemas.exports.lifecycle import EditId, ExportId

router = APIRouter(prefix="/v1", tags=["exports"], dependencies=[Depends(refuse_unknown_parameters)])
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
_BODY = {"required": True, "content": {"text/csv": _FILE, media_type("xlsx"): _FILE}}
_LOCATION = {"Location": {"description": "Address of the comparison.", "schema": {"type": "string"}}}


@router.post(
    "/exports/{export_id}/edits",
    status_code=201,
    summary="Compare edited grades",
    openapi_extra={"requestBody": _BODY},
    responses={201: {"headers": _LOCATION}, **problem_replies(404, 409, 413, 422)},
)
async def create_grade_edit(
    export_id: ExportId,
    request: Request,
    response: Response,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    file_name: Annotated[str, Query(max_length=200, description="Name of the file, for the record.")] = "",
) -> GradeEditPublic:
    """Compares the exported CSV or XLSX file, edited and sent back as the body, with the grades as they are now.

    Nothing changes yet. The reply has each row that would change a person's score, level or comment, and each row that
    cannot be applied, also because the answer was graded or reviewed since the export. Apply it by its id.
    """
    data = await request.body()
    if not data:
        raise UnusableEdits("The body is empty: send the edited file as the body of the request.")
    edit = await anyio.to_thread.run_sync(
        lambda: sessions.run(
            lambda session: lifecycle.compare(session, export_id, data, file_name=file_name, actor=caller.actor)
        )
    )
    response.headers["Location"] = str(request.url_for("read_grade_edit", edit_id=edit.id).path)
    return GradeEditPublic.from_edit(edit)


@router.get("/grade-edits/{edit_id}", summary="Read compared grades", responses=problem_replies(404, 422))
def read_grade_edit(edit_id: EditId, sessions: OwnSessionsDep) -> GradeEditPublic:
    """Returns what an edited file would change, or has changed."""
    with sessions() as session:
        return GradeEditPublic.from_edit(lifecycle.get(session, edit_id))


@router.post("/grade-edits/{edit_id}/apply", summary="Apply edited grades", responses=problem_replies(404, 409, 422))
def apply_grade_edit(
    edit_id: EditId,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    skip_problems: Annotated[bool, Query(description="Leave out rows with problems instead of refusing.")] = False,
) -> GradeEditPublic:
    """Adds each changed row as a review with the source `import`; earlier reviews and the reports are kept.

    Refused with 409 if a grade has changed since the comparison. Applying twice changes nothing.
    """
    edit = sessions.run(
        lambda session: lifecycle.apply(session, edit_id, actor=caller.actor, skip_problems=skip_problems)
    )
    return GradeEditPublic.from_edit(edit)
