"""The ledger of a bank: which versions of each rubric were published.

`versions.csv` beside the rubrics has a line for each published version, with its content hash. Lines are only added,
never changed. An edited rubric is a new version, and lint reports it until it is published.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .errors import InvalidRubric, RubricUnreadable
from .hashing import content_hash, structure_hash
from .model import Rubric

LEDGER = "versions.csv"
_HEAD = ("question", "language", "version", "content_hash", "structure_hash", "published")


@dataclass(frozen=True)
class Version:
    """A published version of a rubric; `number` counts from 1 for each question and language."""

    question: str
    language: str
    number: int
    content_hash: str
    structure_hash: str
    published: date


def read_ledger(folder: Path) -> tuple[Version, ...]:
    """The versions published from a folder, oldest first; empty if it has no ledger yet.

    Raises RubricUnreadable if a line is damaged, or if the numbers of a rubric's versions have a gap.
    """
    path = folder / LEDGER
    if not path.exists():
        return ()
    versions: list[Version] = []
    try:
        lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise RubricUnreadable(f"{path} is not UTF-8 text (byte {error.start}): restore the file.") from None
    if tuple(next(lines, ())) != _HEAD:
        raise RubricUnreadable(f"{path}, line 1: the columns must be {', '.join(_HEAD)}; restore the file.")
    for line_number, cells in enumerate(lines, start=2):
        try:
            question, language, number, content, structure, published = cells
            version = Version(question, language, int(number), content, structure, date.fromisoformat(published))
        except ValueError:
            raise RubricUnreadable(f"{path}, line {line_number}: the line is damaged; restore the file.") from None
        # A gap means that a line was removed.
        if version.number != len(_filter_versions(versions, question, language)) + 1:
            raise RubricUnreadable(
                f"{path}, line {line_number}: version {number} of {question} ({language}) does not follow the "
                "previous one; restore the file."
            )
        versions.append(version)
    return tuple(versions)


def find_latest(versions: Sequence[Version], rubric: Rubric) -> Version | None:
    """The newest published version of a rubric's question in its language."""
    published = _filter_versions(versions, rubric.question.id, rubric.question.language)
    return published[-1] if published else None


def list_unpublished(versions: Sequence[Version], rubrics: Iterable[Rubric]) -> list[Rubric]:
    """The rubrics whose content differs from their newest published version, or that have none."""
    return [
        rubric
        for rubric in rubrics
        if (newest := find_latest(versions, rubric)) is None or newest.content_hash != content_hash(rubric)
    ]


def publish(folder: Path, rubrics: Iterable[Rubric], *, today: date) -> list[Version]:
    """Add a version to the ledger for each rubric that is new or was edited; returns these versions.

    Raises InvalidRubric, and writes nothing, if one of them is a draft.
    """
    versions = read_ledger(folder)
    added: list[Version] = []
    for rubric in list_unpublished(versions, rubrics):
        if rubric.status == "draft":
            raise InvalidRubric(f"'{rubric.question.id}' ({rubric.question.language}) is a draft: freeze it first.")
        before = find_latest([*versions, *added], rubric)
        added.append(
            Version(
                question=rubric.question.id,
                language=rubric.question.language,
                number=before.number + 1 if before else 1,
                content_hash=content_hash(rubric),
                structure_hash=structure_hash(rubric),
                published=today,
            )
        )
    _append_to_ledger(folder / LEDGER, added)
    return added


def _append_to_ledger(path: Path, versions: Sequence[Version]) -> None:
    is_new = not path.exists()
    lacks_line_end = not is_new and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        # Some editors drop the last line end.
        if lacks_line_end:
            file.write("\n")
        if is_new:
            lines.writerow(_HEAD)
        lines.writerows(
            (v.question, v.language, v.number, v.content_hash, v.structure_hash, v.published.isoformat())
            for v in versions
        )


def _filter_versions(versions: Sequence[Version], question: str, language: str) -> list[Version]:
    return [version for version in versions if (version.question, version.language) == (question, language)]
