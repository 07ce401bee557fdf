"""Files of answers: upload one, look at its report, correct the mapping, apply it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..http.operations import R, Resource, iteration, request
from ..http.pages import read_pages
from ..http.requests import Items, Request, fill, read_as, read_bytes, read_nothing, without_none
from ..models.files import CohortFile, FileMapping, FileProblem, FileReport, SavedMapping

_FILES = "/v1/cohorts/{}/files"
_FILE = "/v1/cohorts/{}/files/{}"
# A file is read before the reply.
_READING_SECONDS = 120.0


class CohortFiles(Resource[R]):
    """`client.cohort_files`."""

    @request
    def upload(
        self,
        cohort_id: str,
        file: Path | str | bytes,
        *,
        name: str | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> Request[FileReport]:
        """Stores a file, by its path or its content, and returns its report. Nothing becomes an answer before `apply`.

        `name` is by default that of the path; its ending says what the file is.
        """
        content = file if isinstance(file, bytes) else Path(file).read_bytes()
        name = name or (None if isinstance(file, bytes) else Path(file).name)
        return Request(
            method="POST",
            path=fill(_FILES, cohort_id),
            parameters=without_none(name=name, encoding=encoding, sheet=sheet),
            headers={"Content-Type": "application/octet-stream"},
            content=content,
            wait_seconds=_READING_SECONDS,
            read=read_as(FileReport),
        )

    @request
    def read(self, cohort_id: str, file_id: str) -> Request[FileReport]:
        """Returns the report of a file, with its first 100 problems."""
        return Request(method="GET", path=fill(_FILE, cohort_id, file_id), read=read_as(FileReport))

    @iteration
    def list(self, cohort_id: str) -> Items[CohortFile]:
        """Gives the files of a cohort, the newest first."""
        return read_pages(fill(_FILES, cohort_id), CohortFile, {})

    @iteration
    def list_problems(
        self, cohort_id: str, file_id: str, *, level: Literal["error", "warning", "notice"] | None = None
    ) -> Items[FileProblem]:
        """Gives all problems of a file."""
        return read_pages(fill(_FILE + "/problems", cohort_id, file_id), FileProblem, without_none(level=level))

    @request
    def read_bad_rows(self, cohort_id: str, file_id: str, *, language: Literal["zh", "en"] = "en") -> Request[bytes]:
        """Returns the rows with errors as a file in the same layout, with a column `error`."""
        return Request(
            method="GET",
            path=fill(_FILE + "/bad-rows", cohort_id, file_id),
            parameters={"language": language},
            headers={"Accept": "*/*"},
            wait_seconds=_READING_SECONDS,
            read=read_bytes,
        )

    @request
    def change_mapping(
        self,
        cohort_id: str,
        file_id: str,
        *,
        mapping: FileMapping | Mapping[str, Any] | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        if_match: str = "*",
    ) -> Request[FileReport]:
        """Reads a file again by another mapping, encoding or sheet, and returns its report."""
        return Request(
            method="PUT",
            path=fill(_FILE + "/mapping", cohort_id, file_id),
            headers={"If-Match": if_match},
            body=without_none(mapping=mapping, encoding=encoding, sheet=sheet),
            is_repeatable=if_match == "*",
            wait_seconds=_READING_SECONDS,
            read=read_as(FileReport),
        )

    @request
    def apply(
        self,
        cohort_id: str,
        file_id: str,
        *,
        on_invalid: Literal["all_or_nothing", "valid_rows_only"] = "all_or_nothing",
    ) -> Request[CohortFile]:
        """Makes an item of each answer. Raises InvalidRequest for any error, unless only valid rows are wanted."""
        return Request(
            method="POST",
            path=fill(_FILE + "/apply", cohort_id, file_id),
            body={"on_invalid": on_invalid},
            wait_seconds=_READING_SECONDS,
            # Answers are known by their external ids.
            is_repeatable=True,
            read=read_as(CohortFile),
        )

    @request
    def delete(self, cohort_id: str, file_id: str) -> Request[None]:
        """Deletes a file; its items stay."""
        return Request(method="DELETE", path=fill(_FILE, cohort_id, file_id), read=read_nothing)

    @request
    def save_mapping(
        self, name: str, *, columns: Sequence[str], mapping: FileMapping | Mapping[str, Any]
    ) -> Request[SavedMapping]:
        """Saves a mapping for files with these headings."""
        body = {"name": name, "columns": list(columns), "mapping": mapping}
        return Request(method="POST", path="/v1/mappings", body=body, read=read_as(SavedMapping))

    @iteration
    def list_mappings(self) -> Items[SavedMapping]:
        """Gives the saved mappings."""
        return read_pages("/v1/mappings", SavedMapping, {})

    @request
    def delete_mapping(self, mapping_id: str) -> Request[None]:
        """Deletes a saved mapping."""
        return Request(method="DELETE", path=fill("/v1/mappings/{}", mapping_id), read=read_nothing)
