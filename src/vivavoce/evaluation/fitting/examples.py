"""Answers whose grade is known, with the signals of their levels, and the tables that hold both.

A table is CSV with a row for each level above the lowest of each criterion of each answer, and one row without a
criterion for an answer that screening settled at 0. It holds no text of answers. `viva bank qualify --signals` and
`viva bench accuracy --signals` write tables, `python -m vivavoce.evaluation.fitting` reads them.
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
# Further digits depend on the machine.
_DIGITS = 4


@dataclass(frozen=True)
class Level:
    """A level above the lowest, and its signals.

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

    `known` is None for an answer to a part of a rubric, for which only the levels are known.
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
    """The levels of one criterion above its lowest, with their signals; none for an answer without signals.

    `reached` is the index of the known level. Raises ValueError unless there are signals for each level.
    """
    if not signals:
        return ()
    criterion = next(criterion for criterion in rubric.criteria if criterion.id == criterion_id)
    steps = itertools.pairwise(criterion.levels)
    return tuple(
        Level(
            criterion=criterion.id,
            kind=level_kind(criterion),
            share=criterion.cap if criterion.kind == "gate" else (high.points - low.points) / rubric.max_points,
            signals=of_level,
            reached=None if reached is None else reached >= index,
        )
        for index, ((low, high), of_level) in enumerate(zip(steps, signals, strict=True), start=1)
    )


def write_table(path: Path, examples: Iterable[Example]) -> None:
    """Write a table; the same examples give the same bytes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for example in examples:
            identity = (example.dataset, example.question, example.language, example.answer)
            start = (*identity, _format_number(example.known))
            for level in example.levels:
                numbers = (_format_number(value) for value in (level.share, level.reached))
                features = (_format_number(getattr(level.signals, name)) for name in FEATURES)
                rows.writerow((*start, level.criterion, level.kind, *numbers, *features))
            if not example.levels:
                rows.writerow((*start, *("" for _ in _COLUMNS[len(start) :])))


def read_table(path: Path) -> list[Example]:
    """The examples of a table; raises UnreadableGrades for any other file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return list(_group_rows(rows))
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise UnreadableGrades(
            f"{path} is no table of signals ({type(error).__name__}: {error}): give a file that 'viva bench accuracy "
            "--signals' or 'viva bank qualify --signals' wrote."
        ) from None


def _group_rows(rows: Sequence[Mapping[str, str]]) -> Iterator[Example]:
    """An example for each run of rows of the same answer."""

    def identify_answer(row: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in ("dataset", "question", "language", "answer", "known"))

    for (dataset, question, language, answer, target), group in itertools.groupby(rows, key=identify_answer):
        yield Example(
            dataset=dataset,
            question=question,
            language="zh" if language == "zh" else "en",
            answer=answer,
            known=float(target) if target else None,
            levels=tuple(_read_level(row) for row in group if row["criterion"]),
        )


def _read_level(row: Mapping[str, str]) -> Level:
    # Empty where the verifier has no weight.
    verifier = float(row["verifier"]) if row["verifier"] else None
    return Level(
        criterion=row["criterion"],
        kind=_KINDS[row["kind"]],
        share=float(row["share"]),
        signals=LevelSignals(verifier=verifier, **{name: float(row[name]) for name in FEATURES if name != "verifier"}),
        reached=row["reached"] == "1" if row["reached"] else None,
    )


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
