"""The route that sends an exported file: a piece of it in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Response
from fastapi.responses import StreamingResponse

from ....access.caller import Caller
from ....access.scopes import Scope
from ....errors import MissingScope
from ....exports import lifecycle
from ....exports.options import FORMATS, media_type
from ....storage.engine import SessionFactory
from ....storage.repositories.exports import ExportRepository
from ....storage.tables import Cohort, Export
from ...authorization import CallerDep, OwnSessionsDep
from ...byte_ranges import ByteRange, read_range
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import problem_replies
from ...schemas.exports.lifecycle import ExportId

router = APIRouter(prefix="/v1/exports", tags=["exports"], dependencies=[Depends(refuse_unknown_parameters)])
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[str, Any] = {media_type(name).partition(";")[0]: _BINARY for name in FORMATS}


@router.get(
    "/{export_id}/file",
    summary="Fetch the file",
    response_class=Response,
    responses={
        200: {"content": _CONTENT},
        206: {"description": "The range that was asked for.", "content": _CONTENT},
        304: {"description": "The file is the one with the `ETag` in `If-None-Match`."},
        **problem_replies(404, 409, 416, 422),
    },
)
def read_export_file(
    export_id: ExportId,
    sessions: OwnSessionsDep,
    caller: CallerDep,
    byte_range: Annotated[str | None, Header(alias="Range", description="One range, such as `bytes=1000-`.")] = None,
    if_range: Annotated[str | None, Header(alias="If-Range", description="`ETag` of the part you have.")] = None,
    if_none_match: Annotated[str, Header(alias="If-None-Match", description="`ETag` of an earlier reply.")] = "",
) -> Response:
    """Sends the file of a finished export, whole or in part; the ETag is the SHA-256 in its manifest.

    Several ranges at once get the whole file. A file with the answer key needs the scope `answer_key:read`.
    """
    with sessions() as session:
        export = lifecycle.get_finished(session, export_id)
        cohort = session.get(Cohort, export.cohort_id) if export.cohort_id else None
    if export.options["include_answer_key"] and not caller.may(Scope.ANSWER_KEY_READ):
        raise MissingScope("The file has the answer key: use a key with the scope 'answer_key:read'.")
    assert export.manifest
    size, tag = export.manifest["bytes"], f'"{export.manifest["sha256"]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if {known.strip() for known in if_none_match.split(",")} & {tag, f"W/{tag}", "*"}:
        return Response(status_code=304, headers=headers)
    # Another file has other bytes at that place.
    wanted = read_range(byte_range, size) if if_range in (None, tag) else None
    sent = wanted or ByteRange(0, size - 1)
    headers |= {"Content-Length": str(sent.length), "Content-Disposition": _name_file(export, cohort)}
    if wanted:
        headers["Content-Range"] = f"bytes {sent.first}-{sent.last}/{size}"
    if sent.first == 0:
        _note_read(sessions, export, caller)
    content = _stream(sessions, export.id, sent, export.manifest["chunk_bytes"])
    return StreamingResponse(
        content, status_code=206 if wanted else 200, media_type=media_type(export.format), headers=headers
    )


def _note_read(sessions: SessionFactory, export: Export, caller: Caller) -> None:
    sessions.run(lambda session: lifecycle.note_read(session, export, actor=caller.actor))


def _stream(sessions: SessionFactory, export_id: str, sent: ByteRange, chunk_bytes: int) -> Iterator[bytes]:
    for number in range(sent.first // chunk_bytes, sent.last // chunk_bytes + 1):
        # A session for each piece: a slow reader must hold no connection.
        with sessions() as session:
            data = ExportRepository(session).chunk(export_id, number)
        if data is None:
            raise RuntimeError(f"export {export_id} was deleted while its file was sent")
        start = number * chunk_bytes
        yield data[max(sent.first - start, 0) : sent.last + 1 - start]


def _name_file(export: Export, cohort: Cohort | None) -> str:
    """Returns the header with the file's name, in ASCII and, as RFC 6266 has it, in UTF-8."""
    ending = f"-{export.id[:8]}.{export.format}"
    name = " ".join((cohort.name if cohort else "gradings").split())
    # No path, and nothing that Windows or a header refuses.
    name = "".join(
        "-" if character in '\\/:*?"<>|;%' or not character.isprintable() else character for character in name
    )
    plain = "".join(character if character.isascii() else "_" for character in name)
    return f"attachment; filename=\"{plain}{ending}\"; filename*=UTF-8''{quote(name + ending, safe='')}"
