"""Answers whose grade is known, with what the graders found in them, and the tables that hold both.

A table is CSV with a row for each level above the lowest of each criterion of each answer, one without a criterion for
an answer that a fact settled at 0, and no text of anybody's: `viva bank qualify --signals` and
`viva bench accuracy --signals` write one, `python -m vivavoce.evaluation.fitting` reads it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from vivavoce.graders.errors import UnreadableGrades
from vivavoce.graders.scoring.coefficients import FEATURES, LevelKind, level_kind
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Language, Rubric

BANK = "bank"
_COLUMNS = ("dataset", "question", "language", "answer", "known", "criterion", "kind", "share", "reached", *FEATURES)
_KINDS: Mapping[str, LevelKind] = {kind: kind for kind in get_args(LevelKind)}
# Figures beyond these digits depend on the machine.
_DIGITS = 4


@dataclass(frozen=True)
class Level:
    """A level above the lowest, and what was found for it.

    `share` is the share of full marks that reaching it adds, below 0 for a mistake; for a gate it is the share that an
    answer which misses it gets at most. `reached` says whether the answer reaches it, None where people graded the
    answer as a whole.
    """

    criterion: str
    kind: LevelKind
    share: float
    signals: LevelSignals
    reached: bool | None = None


@dataclass(frozen=True)
class Example:
    """An answer with its levels and its known share of full marks (0 to 1).

    `known` is None for an answer to a part of a rubric, of whose levels alone something is known.
    """

    dataset: str
    question: str
    language: Language
    answer: str
    known: float | None
    levels: tuple[Level, ...]


def is_bank(example: Example) -> bool:
    """Whether an example is one of the bank's qualification answers."""
    return example.dataset.startswith(BANK)


def levels_of(
    rubric: Rubric, criterion_id: str, signals: Sequence[LevelSignals], *, reached: int | None = None
) -> tuple[Level, ...]:
    """The levels of one criterion above its lowest, with their signals; `reached` is the index of the known level."""
    criterion = next(criterion for criterion in rubric.criteria if criterion.id == criterion_id)
    steps = itertools.pairwise(criterion.levels)
    return (
        tuple(
            Level(
                criterion=criterion.id,
                kind=level_kind(criterion),
                share=criterion.cap if criterion.kind == "gate" else (high.points - low.points) / rubric.max_points,
                signals=found,
                reached=None if reached is None else reached >= index,
            )
            for index, ((low, high), found) in enumerate(zip(steps, signals, strict=True), start=1)
        )
        if signals
        else ()
    )


def write_table(path: Path, examples: Iterable[Example]) -> None:
    """Write a table; the same examples give the same bytes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for example in examples:
            about = (example.dataset, example.question, example.language, example.answer, _short(example.known))
            for level in example.levels:
                found = (_short(getattr(level.signals, name)) for name in FEATURES)
                rows.writerow((*about, level.criterion, level.kind, _short(level.share), _short(level.reached), *found))
            if not example.levels:
                rows.writerow((*about, *("" for _ in _COLUMNS[len(about) :])))


def read_table(path: Path) -> list[Example]:
    """The examples of a table; raises UnreadableGrades for a file that is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return list(_examples(rows))
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise UnreadableGrades(
            f"{path} is no table of signals ({type(error).__name__}: {error}): give a file that 'viva bench accuracy "
            "--signals' or 'viva bank qualify --signals' wrote."
        ) from None


def _examples(rows: Sequence[Mapping[str, str]]) -> Iterator[Example]:
    def owner(row: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in ("dataset", "question", "language", "answer", "known"))

    for (dataset, question, language, answer, known), own in itertools.groupby(rows, key=owner):
        yield Example(
            dataset=dataset,
            question=question,
            language="zh" if language == "zh" else "en",
            answer=answer,
            known=float(known) if known else None,
            levels=tuple(
                Level(
                    row["criterion"],
                    _KINDS[row["kind"]],
                    float(row["share"]),
                    _signals(row),
                    reached=row["reached"] == "1" if row["reached"] else None,
                )
                for row in own
                if row["criterion"]
            ),
        )


def _signals(row: Mapping[str, str]) -> LevelSignals:
    verifier = float(row["verifier"]) if row["verifier"] else None
    return LevelSignals(verifier=verifier, **{name: float(row[name]) for name in FEATURES if name != "verifier"})


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
