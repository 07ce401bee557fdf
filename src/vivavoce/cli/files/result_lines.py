"""A file of results, one JSON object a line, that is its own bookmark: a later run goes on after its last line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vivavoce.client.models.cohorts import Result

from ..errors import UserError


class ResultLines:
    """The open file; `position` is the `sequence` of its last line, `count` how many were written now."""

    def __init__(self, file: IO[bytes], position: int) -> None:
        self.position = position
        self.count = 0
        self._file = file

    def write(self, result: Result) -> None:
        """Append a result, for others to read at once."""
        self._file.write(result.model_dump_json().encode() + b"\n")
        self._file.flush()
        self.position = result.sequence
        self.count += 1


@contextmanager
def open_lines(path: Path, *, go_on: bool) -> Iterator[ResultLines]:
    """Opens a file for results: a new one, or with `go_on` at its end. Raises UserError if it has something else."""
    if not go_on or not path.exists():
        with path.open("wb") as file:
            yield ResultLines(file, 0)
        return
    with path.open("r+b") as file:
        position, end = _find_end(path, file)
        # A line that an interrupt tore is written again.
        file.truncate(end)
        file.seek(end)
        yield ResultLines(file, position)


def _find_end(path: Path, file: IO[bytes]) -> tuple[int, int]:
    """The number of the last whole line, and where it ends."""
    position = end = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        try:
            position = int(json.loads(line)["sequence"])
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path} has lines that are no results: name another file with --output.") from None
        end += len(line)
    return position, end
