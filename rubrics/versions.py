"""The ledger of a bank: which versions of each rubric were published, and that none of them changed since.

`versions.csv` beside the rubrics has a line for each published version, by content hash. A line is never changed
or removed; an edited rubric is a new version, and until it is published, lint says so.
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
    """The versions published from a folder, oldest first; none when it has no ledger yet.

    Raises RubricUnreadable when a line was damaged, or versions do not follow each other.
    """
    path = folder / LEDGER
    if not path.exists():
        return ()
    found: list[Version] = []
    try:
        lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise RubricUnreadable(f"{path} is not UTF-8 text (byte {error.start}): restore the file.") from None
    if tuple(next(lines, ())) != _HEAD:
        raise RubricUnreadable(f"{path}, line 1: the columns are {', '.join(_HEAD)}; restore the file.")
    for number_of_line, cells in enumerate(lines, start=2):
        try:
            question, language, number, content, structure, published = cells
            version = Version(question, language, int(number), content, structure, date.fromisoformat(published))
        except ValueError:
            raise RubricUnreadable(f"{path}, line {number_of_line}: it is damaged; restore the file.") from None
        if version.number != len(_of(found, question, language)) + 1:
            raise RubricUnreadable(
                f"{path}, line {number_of_line}: version {number} of {question} ({language}) does not follow the "
                "one before; restore the file."
            )
        found.append(version)
    return tuple(found)


def latest(versions: Sequence[Version], rubric: Rubric) -> Version | None:
    """The newest published version of a rubric's question in its language."""
    own = _of(versions, rubric.question.id, rubric.question.language)
    return own[-1] if own else None


def unpublished(versions: Sequence[Version], rubrics: Iterable[Rubric]) -> list[Rubric]:
    """The rubrics whose content is not that of their newest published version."""
    return [
        rubric
        for rubric in rubrics
        if (newest := latest(versions, rubric)) is None or newest.content_hash != content_hash(rubric)
    ]


def publish(folder: Path, rubrics: Iterable[Rubric], *, today: date) -> list[Version]:
    """Write a version for each rubric that is new or was edited; returns those versions.

    Raises InvalidRubric, and writes nothing, when one of them is a draft.
    """
    versions = read_ledger(folder)
    new = []
    for rubric in unpublished(versions, rubrics):
        if rubric.status == "draft":
            raise InvalidRubric(f"'{rubric.question.id}' ({rubric.question.language}) is a draft: freeze it first.")
        before = latest(versions, rubric)
        new.append(
            Version(
                question=rubric.question.id,
                language=rubric.question.language,
                number=before.number + 1 if before else 1,
                content_hash=content_hash(rubric),
                structure_hash=structure_hash(rubric),
                published=today,
            )
        )
    path = folder / LEDGER
    is_new = not path.exists()
    is_cut = not is_new and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        if is_cut:
            file.write("\n")
        if is_new:
            lines.writerow(_HEAD)
        lines.writerows(
            (v.question, v.language, v.number, v.content_hash, v.structure_hash, v.published.isoformat()) for v in new
        )
    return new


def _of(versions: Sequence[Version], question: str, language: str) -> list[Version]:
    return [version for version in versions if (version.question, version.language) == (question, language)]
