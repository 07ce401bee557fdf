"""Routes for files of answers: upload, report, correct, download the bad rows, apply."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from ....cohorts.files import store
from ....cohorts.files.bad_rows import MEDIA_TYPES
from ....lookup import get_own
from ....storage.repositories import CohortFileRepository
from ....storage.tables import Cohort
from ...authorization import OwnSessionsDep
from ...dependencies import BankDep, SettingsDep, refuse_unknown_parameters
from ...documents.openapi import problem_replies
from ...etags import IfMatchDep, check_if_match, write_etag
from ...file_body import ENDINGS_BY_TYPE, NAME_PATTERN, read_file_body, read_file_name, take_turn
from ...paging import Page, PagingDep
from ...schemas.cohorts.files import CohortFilePublic, CohortFileReport, FileApply, FileMappingChange, FileProblem
from .lifecycle import CohortIdDep

FileIdDep = Annotated[str, Path(alias="file_id", description="Id of the file: 32 hexadecimal digits.")]
router = APIRouter(
    prefix="/v1/cohorts/{cohort_id}/files", tags=["cohort files"], dependencies=[Depends(refuse_unknown_parameters)]
)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_EXAMPLE = "candidate,question_id,answer\n001,quantization,Weights go from FP16 to INT8.\n"
_UPLOAD_BODY: dict[str, Any] = {
    "required": True,
    "description": "The bytes of the file.",
    "content": {
        # What is announced as JSON is any JSON.
        name: {"schema": {}} if name == "application/json" else _BINARY
        for name in ENDINGS_BY_TYPE
    }
    | {"text/csv": {**_BINARY, "example": _EXAMPLE}},
}
_CREATED: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"description": "Address of the file.", "schema": {"type": "string"}}}}
}
_DOWNLOAD: dict[int | str, dict[str, Any]] = {200: {"content": dict.fromkeys(MEDIA_TYPES.values(), _BINARY)}}


@router.post(
    "",
    status_code=201,
    summary="Upload a file of answers",
    openapi_extra={"requestBody": _UPLOAD_BODY},
    responses={**_CREATED, **problem_replies(409)},
)
async def upload_cohort_file(
    cohort_id: CohortIdDep,
    request: Request,
    response: Response,
    bank: BankDep,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    name: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Name of the file with its ending; by default that of Content-Disposition.",
            json_schema_extra={"pattern": NAME_PATTERN},
        ),
    ] = None,
    encoding: Annotated[
        str | None, Query(max_length=40, description="Encoding of a text file, such as gb18030; by default found.")
    ] = None,
    sheet: Annotated[
        str | None, Query(max_length=200, description="Sheet of a workbook, by name or number; by default found.")
    ] = None,
) -> CohortFileReport:
    """Stores a file and returns its report: what was found in it, the guessed mapping, and everything that is wrong.

    CSV and other delimited text, JSON, JSON lines, Excel and OpenDocument are read, with a row an answer or a row a
    candidate. Nothing becomes an item before `apply`. A file that cannot be read is stored as well; its report says
    why. The largest file is set by `VIVA_UPLOAD_MAX_MIB` and `VIVA_UPLOAD_MAX_ROWS`.
    """
    file_name = read_file_name(request, name)
    with take_turn():
        await anyio.to_thread.run_sync(lambda: _check_open(sessions, cohort_id))
        data = await read_file_body(request)
        file = await anyio.to_thread.run_sync(
            lambda: store.add_file(
                sessions,
                bank,
                cohort_id,
                name=file_name,
                data=data,
                encoding=encoding,
                sheet=sheet,
                most_rows=settings.upload_max_rows,
            )
        )
    write_etag(response, file.revision)
    response.headers["Location"] = f"/v1/cohorts/{cohort_id}/files/{file.id}"
    return CohortFileReport.from_file(file)


def _check_open(sessions: OwnSessionsDep, cohort_id: str) -> None:
    with sessions() as session:
        store.check_open(session, cohort_id)


@router.get("", summary="List files of a cohort")
def list_cohort_files(cohort_id: CohortIdDep, sessions: OwnSessionsDep, paging: PagingDep) -> Page[CohortFilePublic]:
    """Returns the files of a cohort, the newest first, without their reports."""
    query = paging.read()
    with sessions() as session:
        get_own(session, Cohort, cohort_id, name="cohort")
        files = CohortFileRepository(session).page(cohort_id, limit=query.limit + 1, after=query.after)
        shown = [CohortFilePublic.from_file(file) for file in files[: query.limit]]
    last = (
        [files[query.limit - 1].created_at.isoformat(), files[query.limit - 1].id] if len(files) > query.limit else None
    )
    return paging.write(shown, last=last)


@router.get("/{file_id}", summary="Read the report of a file")
def read_cohort_file(
    cohort_id: CohortIdDep, file_id: FileIdDep, response: Response, sessions: OwnSessionsDep
) -> CohortFileReport:
    """Returns a file with what was found in it. The `ETag` is for a change of its mapping."""
    with sessions() as session:
        file = store.get_file(session, cohort_id, file_id)
        write_etag(response, file.revision)
        return CohortFileReport.from_file(file)


@router.get("/{file_id}/problems", summary="List the problems of a file")
def list_file_problems(
    cohort_id: CohortIdDep,
    file_id: FileIdDep,
    sessions: OwnSessionsDep,
    paging: PagingDep,
    level: Annotated[
        Literal["error", "warning", "notice"] | None, Query(description="Only problems of this level.")
    ] = None,
) -> Page[FileProblem]:
    """Returns all problems of a file in the order of its rows; those of the whole file come first."""
    query = paging.read(level=level)
    with sessions() as session:
        problems = store.get_file(session, cohort_id, file_id).report["problems"]
    start = query.after[0] + 1 if query.after else 0
    found = [
        (place, problem)
        for place, fault in enumerate(problems[start:], start=start)
        if (problem := FileProblem.from_document(fault)).level == (query.filters["level"] or problem.level)
    ]
    shown = found[: query.limit]
    return paging.write([problem for _, problem in shown], last=[shown[-1][0]] if len(found) > query.limit else None)


@router.get(
    "/{file_id}/bad-rows",
    summary="Download the bad rows",
    response_class=Response,
    responses=_DOWNLOAD,
)
def download_bad_rows(
    cohort_id: CohortIdDep,
    file_id: FileIdDep,
    bank: BankDep,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    language: Annotated[Literal["zh", "en"], Query(description="Language of the column `error`.")] = "en",
) -> Response:
    """Returns the rows with an error in the layout and format of the file, with a column `error` that says why.

    Mended and uploaded again, with the column or without it, they go through.
    """
    with take_turn():
        with sessions() as session:
            file = store.get_file(session, cohort_id, file_id)
        bad_rows = store.write_bad_rows(sessions, bank, file, language, most_rows=settings.upload_max_rows)
    disposition = f"attachment; filename*=UTF-8''{quote(bad_rows.name)}"
    return Response(bad_rows.content, media_type=bad_rows.media_type, headers={"Content-Disposition": disposition})


@router.put("/{file_id}/mapping", summary="Correct how a file is read", responses=problem_replies(409, 428))
def change_file_mapping(
    cohort_id: CohortIdDep,
    file_id: FileIdDep,
    body: FileMappingChange,
    response: Response,
    bank: BankDep,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    if_match: IfMatchDep = None,
) -> CohortFileReport:
    """Reads the file again by another mapping, sheet or encoding, and returns the new report.

    What the mapping names and the file lacks is a problem of the report.
    """
    with take_turn():
        with sessions() as session:
            file = store.get_file(session, cohort_id, file_id)
            check_if_match(if_match, file.revision)
            store.check_open(session, cohort_id)
        options = body.model_dump(include={"encoding", "sheet"})
        read = store.read_again(
            sessions, bank, file, mapping=body.mapping, most_rows=settings.upload_max_rows, **options
        )
    with sessions.begin() as session:
        file = store.get_file(session, cohort_id, file_id, lock=True)
        check_if_match(if_match, file.revision)
        store.change_mapping(file, read, **options)
        write_etag(response, file.revision)
        return CohortFileReport.from_file(file)


@router.post("/{file_id}/apply", summary="Make items of a file", responses=problem_replies(409))
def apply_cohort_file(
    cohort_id: CohortIdDep,
    file_id: FileIdDep,
    bank: BankDep,
    sessions: OwnSessionsDep,
    body: Annotated[FileApply | None, Body()] = None,
) -> CohortFilePublic:
    """Makes an item of each answer, in one transaction. Sent again, it changes nothing.

    An item is known by its external id: the same answer costs nothing, another one becomes the next version.
    """
    chosen = body or FileApply()
    with sessions.begin() as session:
        file = store.apply_file(session, bank, cohort_id, file_id, chosen.on_invalid)
        return CohortFilePublic.from_file(file)


@router.delete("/{file_id}", status_code=204, summary="Delete a file")
def delete_cohort_file(cohort_id: CohortIdDep, file_id: FileIdDep, sessions: OwnSessionsDep) -> None:
    """Deletes a file with its report. Items that were made of it stay."""
    with sessions.begin() as session:
        session.delete(store.get_file(session, cohort_id, file_id, lock=True))
