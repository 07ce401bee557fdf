"""Answers that people graded, as files give them, and a rubric for each of their questions."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.rubrics import Rubric

from . import text

STRANGE = "strange-"
_MOST_CRITERIA = 5


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a data file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def balanced_sample(rows: Sequence[dict[str, Any]], *, limit: int, seed: int) -> list[dict[str, Any]]:
    """At most `limit` different answers, as evenly over the questions as they allow."""
    by_question: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        if row["answer"].strip():
            by_question[row["question_id"]].setdefault(row["answer"].strip(), row)
    shuffled = random.Random(seed)
    piles = []
    for question in sorted(by_question):
        pile = list(by_question[question].values())
        shuffled.shuffle(pile)
        piles.append(pile)
    shuffled.shuffle(piles)
    turns = max((len(pile) for pile in piles), default=0)
    return [pile[turn] for turn in range(turns) for pile in piles if turn < len(pile)][:limit]


def strange_answers(rows: Sequence[dict[str, Any]], *, share: float, seed: int) -> list[dict[str, Any]]:
    """Rows whose answer belongs to another question, with a score of 0; `share` of them for each row.

    None when all rows are about one question.
    """
    if len({row["question_id"] for row in rows}) < 2:
        return []
    shuffled = random.Random(seed)
    strange = []
    for number in range(round(share * len(rows))):
        row = shuffled.choice(rows)
        other = shuffled.choice([r for r in rows if r["question_id"] != row["question_id"]])
        strange.append({**row, "id": f"{STRANGE}{number}", "answer": other["answer"], "score": 0.0})
    return strange


def rubric_from_reference(row: Mapping[str, Any], *, most_criteria: int = _MOST_CRITERIA) -> Rubric:
    """A rubric of at most `most_criteria` criteria: neighbouring sentences of the first reference together.

    Other references are other ways to make the point, when there is a single criterion.
    """
    references = [row["reference"]] if isinstance(row["reference"], str) else list(row["reference"])
    first = references[0]
    sentences = [first[start:end] for start, end in text.split_sentences(first)] or [first]
    pieces = [" ".join(part) for part in _spread_over(sentences, most_criteria)]
    points = [{"id": f"p{i}", "criterion": f"c{i}", "text": piece[:3900]} for i, piece in enumerate(pieces)]
    if len(pieces) == 1:
        points += [{"id": f"a{i}", "criterion": "c0", "text": other[:3900]} for i, other in enumerate(references[1:6])]
    return Rubric.model_validate(
        {
            "question": {
                "id": "fitting",
                "text": row["question"] or "-",
                "language": row["lang"],
                "topic": "fitting",
                "difficulty": "foundation",
                "minutes": 1,
            },
            "criteria": [
                {"id": f"c{i}", "kind": "binary", "title": "-", "statement": piece[:3900], "points": 1}
                for i, piece in enumerate(pieces)
            ],
            "expected_points": points,
            "references": [{"length": "full", "text": first[:3900]}],
        }
    )


def _spread_over(sentences: Sequence[str], most: int) -> list[list[str]]:
    """Neighbouring sentences together, in at most `most` groups of nearly equal size."""
    groups = min(most, len(sentences))
    return [list(part) for part in np.array_split(np.asarray(sentences, dtype=object), groups)]
