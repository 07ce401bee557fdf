"""Exports: ask for a file, wait for it, download it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..errors import ExportFailed, WaitTimedOut
from ..http.download import download_file
from ..http.operations import R, Resource, iteration, operation, request
from ..http.pages import read_pages
from ..http.requests import (
    Items,
    Request,
    Sleep,
    Steps,
    call,
    fill,
    new_idempotency_key,
    read_as,
    read_nothing,
    without_none,
)
from ..models.events import Dictionary, Export

_EXPORT = "/v1/exports/{}"
_LOOK_SECONDS = 0.5


class Exports(Resource[R]):
    """`client.exports`."""

    @request
    def create(
        self,
        *,
        cohort_id: str | None = None,
        format: str = "csv",
        layout: Literal["long", "wide"] = "long",
        language: Literal["zh", "en"] = "en",
        filters: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        include_answers: bool = False,
        include_answer_key: bool = False,
    ) -> Request[Export]:
        """Asks for a file of a cohort, or of all gradings that the filters let through."""
        body = without_none(
            cohort_id=cohort_id,
            format=format,
            layout=layout,
            language=language,
            filters=filters,
            columns=list(columns) if columns is not None else None,
            include_answers=include_answers,
            include_answer_key=include_answer_key,
        )
        return Request(
            method="POST", path="/v1/exports", headers=new_idempotency_key(), body=body, read=read_as(Export)
        )

    @request
    def read(self, export_id: str) -> Request[Export]:
        """Returns an export: state, progress, manifest."""
        return _read(export_id)

    @iteration
    def list(self, *, cohort_id: str | None = None) -> Items[Export]:
        """Gives exports, the newest first."""
        return read_pages("/v1/exports", Export, without_none(cohort_id=cohort_id))

    @operation
    def wait(self, export_id: str, *, timeout_seconds: float = 600.0) -> Steps[Export]:
        """Returns an export once it is finished. Raises ExportFailed or WaitTimedOut."""
        return (yield from _wait(export_id, timeout_seconds))

    @operation
    def download(self, export_id: str, target: Path | str, *, timeout_seconds: float = 600.0) -> Steps[Export]:
        """Waits for an export and writes its file, whose SHA-256 is that of the manifest; returns the export.

        A download that breaks off is continued. `target` appears when the file is whole, and replaces what was there.
        Raises DownloadDamaged, ExportFailed, WaitTimedOut or OSError.
        """
        export = yield from _wait(export_id, timeout_seconds)
        assert export.manifest
        yield from download_file(fill(_EXPORT + "/file", export_id), Path(target), sha256=export.manifest.sha256)
        return export

    @request
    def read_dictionary(self, export_id: str) -> Request[Dictionary]:
        """Returns what each column means."""
        return Request(method="GET", path=fill(_EXPORT + "/dictionary", export_id), read=read_as(Dictionary))

    @request
    def delete(self, export_id: str) -> Request[None]:
        """Deletes an export with its file."""
        return Request(method="DELETE", path=fill(_EXPORT, export_id), read=read_nothing)


def _read(export_id: str) -> Request[Export]:
    return Request(method="GET", path=fill(_EXPORT, export_id), read=read_as(Export))


def _wait(export_id: str, timeout_seconds: float) -> Steps[Export]:
    deadline = time.monotonic() + timeout_seconds
    while True:
        export = yield from call(_read(export_id))
        if export.state == "failed":
            raise ExportFailed(export.error or f"The export {export_id} failed.")
        if export.manifest is not None:
            return export
        if time.monotonic() + _LOOK_SECONDS > deadline:
            raise WaitTimedOut(
                f"The export {export_id} is {export.state} after {timeout_seconds:.0f} s: is a worker running?"
            )
        yield Sleep(_LOOK_SECONDS)
