"""Answers that people graded, as files give them, and a rubric for each of their questions.

A file has a JSON object a line: `answer, score, max_score`, and `reference` (one or several) or `rubric`; better with
`id, question_id, question, lang` and `raters`, the scores that single people gave.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.graders.errors import UnreadableGrades
from vivavoce.graders.reading import normal_text
from vivavoce.rubrics import Rubric

_MOST_CRITERIA = 5
_MOST_REFERENCES = 6


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a data file, plain or .gz, with what they may leave out filled in.

    Without `question_id` a question is known by its text and reference, without `lang` an answer's language by its
    reference. Raises UnreadableGrades with file, line and mend in one sentence.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    rows = []
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    rows.append(_row(line, place=f"{path}, line {number}", default_id=str(number)))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableGrades(f"{path} cannot be read ({error}): give JSON lines in UTF-8, plain or .gz.") from None
    if not rows:
        raise UnreadableGrades(f"{path} has no rows: give a JSON object a line.")
    return rows


def _row(line: str, *, place: str, default_id: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UnreadableGrades(f"{place} is not JSON ({error}): write one object a line.") from None
    if not isinstance(row, dict):
        raise UnreadableGrades(f"{place} is not a JSON object: write one a line.")
    if missing := [name for name in ("answer", "score", "max_score") if row.get(name) is None]:
        raise UnreadableGrades(f"{place} has no '{missing[0]}': each row needs answer, score and max_score.")
    if not row.get("rubric") and not row.get("reference"):
        raise UnreadableGrades(f"{place} has neither 'reference' nor 'rubric': an answer is held against one of them.")
    for name in ("score", "max_score"):
        if not isinstance(row[name], int | float) or isinstance(row[name], bool) or not math.isfinite(row[name]):
            raise UnreadableGrades(f"{place}: '{name}' is {json.dumps(row[name])}, and must be a number.")
    if not 0 <= row["score"] <= row["max_score"] or row["max_score"] <= 0:
        raise UnreadableGrades(f"{place}: the score {row['score']:g} is not between 0 and {row['max_score']:g}.")
    asked = json.dumps(
        [row.get(name) for name in ("question", "reference", "rubric")], sort_keys=True, ensure_ascii=False
    )
    return {
        "id": default_id,
        "question": "",
        "question_id": hashlib.sha256(asked.encode()).hexdigest()[:12],
        "lang": row["rubric"]["question"]["language"] if row.get("rubric") else normal_text.detect_language(asked),
        **row,
    }


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


def rubric_from_reference(row: Mapping[str, Any], *, most_criteria: int = _MOST_CRITERIA) -> Rubric:
    """A rubric of at most `most_criteria` criteria: neighbouring sentences of the first reference together.

    Other references are other ways to make the point, when there is a single criterion.
    """
    references = [row["reference"]] if isinstance(row["reference"], str) else list(row["reference"])
    first = references[0]
    sentences = [first[start:end] for start, end in normal_text.split_sentences(first)] or [first]
    pieces = [" ".join(part) for part in _spread_over(sentences, most_criteria)]
    points = [{"id": f"p{i}", "criterion": f"c{i}", "text": piece[:3900]} for i, piece in enumerate(pieces)]
    if len(pieces) == 1:
        points += [
            {"id": f"a{i}", "criterion": "c0", "text": other[:3900]}
            for i, other in enumerate(references[1:_MOST_REFERENCES])
        ]
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
            "references": [{"length": "full", "text": reference[:3900]} for reference in references[:_MOST_REFERENCES]],
        }
    )


def _spread_over(sentences: Sequence[str], most: int) -> list[list[str]]:
    """Neighbouring sentences together, in at most `most` groups of nearly equal size."""
    groups = min(most, len(sentences))
    return [list(part) for part in np.array_split(np.asarray(sentences, dtype=object), groups)]
