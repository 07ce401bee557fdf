"""Reads the body of an upload: the bytes of a file, its name, and which kind its headers announce."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from urllib.parse import unquote

from fastapi import Request
from starlette.requests import ClientDisconnect

from ..errors import ServiceBusy, UnreadableBody, UnsupportedBody, UnusableRequest

ENDINGS_BY_TYPE = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/plain": ".txt",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/x-jsonlines": ".jsonl",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel.sheet.macroenabled.12": ".xlsm",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    # Whatever the name says.
    "application/octet-stream": "",
}
_LONGEST_NAME = 200
NAME_PATTERN = r"^[^\x00-\x1f\x7f/\\]*[^\x00-\x1f\x7f/\\\s][^\x00-\x1f\x7f/\\]*$"
"""What the name of a file looks like, for the document."""
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")
# Each holds a body in memory.
_AT_ONCE = threading.BoundedSemaphore(6)


@contextmanager
def take_turn() -> Iterator[None]:
    """Holds one of the few places for files in memory; raises ServiceBusy if there is none."""
    if not _AT_ONCE.acquire(blocking=False):
        raise ServiceBusy("Other files are being read: send this one again after the seconds in Retry-After.")
    try:
        yield
    finally:
        _AT_ONCE.release()


def read_file_name(request: Request, name: str | None) -> str:
    """Returns the name of the file: the parameter, that of Content-Disposition, or `answers` with the type's ending.

    Raises UnsupportedBody for a type that no file of answers has, and UnusableRequest for a name that cannot be used.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedBody(f"The body is compressed ({encoding[:40]}): send the file as it is.")
    if media_type == "multipart/form-data":
        raise UnsupportedBody("Forms are not read: send the bytes of the file as the body, such as with --data-binary.")
    if media_type not in ENDINGS_BY_TYPE:
        found = f"'{media_type[:60]}'" if media_type else "missing"
        raise UnsupportedBody(f"The Content-Type is {found}: send text/csv, the type of the workbook, or another one.")
    chosen = name if name is not None else _read_disposition(request.headers.get("content-disposition", ""))
    if chosen is None:
        chosen = f"answers{ENDINGS_BY_TYPE[media_type]}"
    if not chosen.strip() or len(chosen) > _LONGEST_NAME or _UNUSABLE.search(chosen):
        raise UnusableRequest(
            f"The name of the file must have 1 to {_LONGEST_NAME} characters, and no slash: shorten it."
        )
    if "." not in chosen:
        chosen += ENDINGS_BY_TYPE[media_type]
    return chosen.strip()


async def read_file_body(request: Request) -> bytes:
    """Returns the bytes of the file, which the limit of the body bounds."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
    except ClientDisconnect:
        raise UnreadableBody("The connection ended before the file: send it again.") from None
    return bytes(body)


def _read_disposition(header: str) -> str | None:
    message = Message()
    message["Content-Disposition"] = header or "attachment"
    name = message.get_filename()
    # Some clients percent-encode the plain form, too.
    return unquote(name) if name else None
