"""Answers that people graded, read from files, and a rubric for each of their questions.

A file has one JSON object a line: `answer, score, max_score`, and `reference` (one or several) or `rubric`; better
with `id, question_id, question, lang` and `raters`, the scores that single people gave.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from vivavoce.graders.errors import UnreadableGrades
from vivavoce.graders.reading import normal_text
from vivavoce.rubrics import Rubric

from .errors import EvaluationError

_MAX_CRITERIA = 5
_MAX_REFERENCES = 6
# Rubrics allow texts of 4,000 characters.
_MAX_TEXT = 3900

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a data file, plain or .gz, with the optional fields filled in.

    Without `question_id` a question is identified by its text and reference, without `lang` its language is detected.
    Raises UnreadableGrades with file, line and fix in one sentence.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    rows = []
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    rows.append(_parse_row(line, where=f"{path}, line {number}", default_id=str(number)))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableGrades(f"{path} cannot be read ({error}): give JSON lines in UTF-8, plain or .gz.") from None
    if not rows:
        raise UnreadableGrades(f"{path} has no rows: give a JSON object a line.")
    return rows


def _parse_row(line: str, *, where: str, default_id: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UnreadableGrades(f"{where} is not JSON ({error}): write one object a line.") from None
    _check_row(row, where=where)
    key = json.dumps(
        [row.get(name) for name in ("question", "reference", "rubric")], sort_keys=True, ensure_ascii=False
    )
    return {
        "id": default_id,
        "question": "",
        "question_id": hashlib.sha256(key.encode()).hexdigest()[:12],
        "lang": _rubric_language(row) or normal_text.detect_language(key),
        **row,
    }


def _check_row(row: object, *, where: str) -> None:
    if not isinstance(row, dict):
        raise UnreadableGrades(f"{where} is not a JSON object: write one a line.")
    if missing := [name for name in ("answer", "score", "max_score") if row.get(name) is None]:
        raise UnreadableGrades(f"{where} has no '{missing[0]}': each row needs answer, score and max_score.")
    if not row.get("rubric") and not row.get("reference"):
        raise UnreadableGrades(f"{where} has neither 'reference' nor 'rubric': add one to compare the answer with.")
    if not isinstance(row["answer"], str):
        raise UnreadableGrades(f"{where}: 'answer' is {json.dumps(row['answer'])}, and must be text.")
    for name in ("score", "max_score"):
        # In Python, True is an int.
        if not isinstance(row[name], int | float) or isinstance(row[name], bool) or not math.isfinite(row[name]):
            raise UnreadableGrades(f"{where}: '{name}' is {json.dumps(row[name])}, and must be a number.")
    if not 0 <= row["score"] <= row["max_score"] or row["max_score"] <= 0:
        raise UnreadableGrades(f"{where}: the score {row['score']:g} is not between 0 and {row['max_score']:g}.")


def _rubric_language(row: Row) -> str | None:
    """The language that the row's rubric names; None without a rubric or when it names none."""
    try:
        language: str | None = row["rubric"]["question"]["language"]
    except (KeyError, TypeError):
        # `rubric_for_row` reports what is wrong with a rubric.
        return None
    return language


def group_distinct_answers(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows by question, sorted by its identifier; of equal answers only the first is kept, empty ones are not."""
    by_question: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if answer := row["answer"].strip():
            by_question[row["question_id"]].setdefault(answer, row)
    return {question: list(by_question[question].values()) for question in sorted(by_question)}


def balanced_sample(rows: Sequence[Row], *, limit: int, seed: int) -> list[Row]:
    """At most `limit` different answers, spread over the questions as evenly as they allow."""
    generator = random.Random(seed)
    piles = list(group_distinct_answers(rows).values())
    for pile in piles:
        generator.shuffle(pile)
    generator.shuffle(piles)
    turns = max((len(pile) for pile in piles), default=0)
    return [pile[turn] for turn in range(turns) for pile in piles if turn < len(pile)][:limit]


def rubric_for_row(row: Mapping[str, Any], path: Path) -> Rubric:
    """The rubric of a row, or one made from its reference; raises EvaluationError for an invalid one."""
    if not row.get("rubric"):
        return rubric_from_reference(row)
    try:
        return Rubric.model_validate(row["rubric"])
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise EvaluationError(
            f"{path}, answer {row['id']}: its rubric is invalid ({field}: {first['msg']}); correct it, or give a "
            "'reference' instead."
        ) from None


def rubric_from_reference(row: Mapping[str, Any], *, most_criteria: int = _MAX_CRITERIA) -> Rubric:
    """A rubric of at most `most_criteria` binary criteria, each of neighbouring sentences of the first reference.

    When there is a single criterion, other references are alternative expected points for it.
    """
    references = [row["reference"]] if isinstance(row["reference"], str) else list(row["reference"])
    first = references[0]
    sentences = [first[start:end] for start, end in normal_text.split_sentences(first)] or [first]
    pieces = [" ".join(group)[:_MAX_TEXT] for group in _group_sentences(sentences, most_criteria)]
    points = [{"id": f"p{i}", "criterion": f"c{i}", "text": piece} for i, piece in enumerate(pieces)]
    if len(pieces) == 1:
        points += [
            {"id": f"a{i}", "criterion": "c0", "text": other[:_MAX_TEXT]}
            for i, other in enumerate(references[1:_MAX_REFERENCES])
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
                {"id": f"c{i}", "kind": "binary", "title": "-", "statement": piece, "points": 1}
                for i, piece in enumerate(pieces)
            ],
            "expected_points": points,
            "references": [
                {"length": "full", "text": reference[:_MAX_TEXT]} for reference in references[:_MAX_REFERENCES]
            ],
        }
    )


def _group_sentences(sentences: Sequence[str], most: int) -> list[list[str]]:
    """At most `most` groups of neighbouring sentences, of nearly equal size."""
    groups = min(most, len(sentences))
    return [list(part) for part in np.array_split(np.asarray(sentences, dtype=object), groups)]
