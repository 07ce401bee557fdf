"""Answers that people graded, read from files, and a rubric for each of their questions.

A file has a row for each answer, in any format that `viva grade` reads: `answer, score, max_score`, and `reference`
(one or several) or `rubric`; better with `id, question_id, question, lang` and `raters`, the scores of single people.
"""

from __future__ import annotations

import hashlib
import json
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
from vivavoce.tables import JSON_ENDINGS, Table, TableError, read_table
from vivavoce.tables import Row as TableRow

from .errors import EvaluationError
from .graded_cells import check_row, read_cells

_MAX_CRITERIA = 5
_MAX_REFERENCES = 6
# Rubrics allow texts of 4,000 characters.
_MAX_TEXT = 3900

# The names of our rows for the fields of a table.
_FIELDS = {
    name: name
    for name in ("answer", "score", "max_score", "reference", "rubric", "raters", "id", "question", "question_id")
} | {"language": "lang"}

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a data file, with the optional fields filled in.

    Without `question_id` a question is identified by its text and reference, without `lang` its language is detected.
    Raises UnreadableGrades with file, line and fix in one sentence.
    """
    try:
        table = read_table(path)
    except TableError as error:
        raise UnreadableGrades(str(error)) from None
    if table.problems:
        first = table.problems[0]
        raise UnreadableGrades(f"{path}, line {first.line}: {first.problem}")
    if not table.rows:
        raise UnreadableGrades(f"{path} has no rows: give a row or a JSON object for each answer.")
    is_text = not any(suffix.lower() in JSON_ENDINGS for suffix in path.suffixes)
    return [_read_row(table, row, where=f"{path}, line {row.line}", is_text=is_text) for row in table.rows]


def _read_row(table: Table, row: TableRow, *, where: str, is_text: bool) -> Row:
    """A row under our own names; `is_text` tells that its cells are text, whatever they mean."""
    values = dict(row.values)
    for field, name in _FIELDS.items():
        if (heading := table.fields.get(field)) in values:
            values[name] = values.pop(heading)
    if is_text:
        values = read_cells(values)
    check_row(values, where=where)
    key = json.dumps(
        [values.get(name) for name in ("question", "reference", "rubric")], sort_keys=True, ensure_ascii=False
    )
    return {
        "id": str(row.line),
        "question": "",
        "question_id": hashlib.sha256(key.encode()).hexdigest()[:12],
        "lang": _rubric_language(values) or normal_text.detect_language(key),
        **values,
    }


def _rubric_language(row: Row) -> str | None:
    """The language that the row's rubric names; None without a rubric or when it names none."""
    try:
        language: str | None = row["rubric"]["question"]["language"]
    except (KeyError, TypeError):
        # `rubric_for_row` reports what is wrong with a rubric.
        return None
    return language if isinstance(language, str) else None


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
