"""Files that are downloaded whole, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import ConnectionLost, DownloadDamaged
from .requests import AskPatience, Close, Open, OpenedReply, ReadNext, Request, Sleep, Steps, read_nothing
from .retries import Backoff

_PARTIAL = 206


def download_file(path: str, target: Path, *, sha256: str) -> Steps[None]:
    """Writes a file beside its place, continues it when the connection breaks, checks it, and puts it in place.

    Raises DownloadDamaged if its SHA-256 is another one. The file is written while others wait, also under asyncio.
    """
    backoff = Backoff((yield AskPatience()))
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("w+b") as file:
            while True:
                position = file.tell()
                opened: OpenedReply = yield Open(_ask(path, position, sha256))
                if opened.response.status_code != _PARTIAL:
                    file.seek(0)
                    file.truncate()
                lost = None
                try:
                    while (content := (yield ReadNext(opened))) is not None:
                        file.write(content)
                except ConnectionLost as error:
                    lost = error
                yield Close(opened)
                if lost is None:
                    break
                if file.tell() > position:
                    backoff.reset()
                seconds = backoff.next_seconds()
                if seconds is None:
                    raise lost
                yield Sleep(seconds)
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise DownloadDamaged(f"{target} was not written: what came has another SHA-256 than it should. Try again.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _ask(path: str, position: int, sha256: str) -> Request[None]:
    # Compressed bytes could not be continued.
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if position:
        headers |= {"Range": f"bytes={position}-", "If-Range": f'"{sha256}"'}
    return Request(method="GET", path=path, headers=headers, read=read_nothing)
