"""What several tests of evaluation build: rubrics, qualification answers, signals and files of graded answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vivavoce.evaluation.fitting import Example, Level
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import QualificationSet, Rubric

# The levels of answers to the rubric of the tests, by quality.
LEVELS = {
    "excellent": {"lower": 1, "methods": 2, "loss": 1, "wrong": 0},
    "adequate": {"lower": 1, "methods": 1, "loss": 0, "wrong": 0},
    "weak": {"lower": 0, "methods": 1, "loss": 0, "wrong": 0},
    "wrong": {"lower": 0, "methods": 0, "loss": 0, "wrong": 1},
}


def build_answers(*more: dict[str, Any], **texts: str) -> QualificationSet:
    """An answer of each quality, whose text names it or is given by quality, and more answers."""
    answers = [
        {"level": quality, "criteria": levels, "en": texts.get(quality, f"{quality} answer"), "zh": f"{quality}回答"}
        for quality, levels in LEVELS.items()
    ]
    return QualificationSet.model_validate({"question": "quantization", "answers": [*answers, *more]})


def edit_rubric(rubric: Rubric, *path: str | int, value: Any) -> Rubric:
    """The rubric with another value at a path of keys and indices."""
    data = rubric.model_dump(mode="json")
    target: Any = data
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return Rubric.model_validate(data)


def build_signals(judge: float, **features: float | None) -> LevelSignals:
    """Signals that say the same as the judge's, unless a feature is given."""
    others: dict[str, Any] = {
        "verifier": judge,
        "similarity_gain": 0.01 * judge,
        "term_recall": 0.1 * judge,
        "rouge1_recall": 0.2,
    }
    return LevelSignals(judge=judge, **{**others, **features})


def build_example(number: int, *, dataset: str = "set", grade: float | None = None) -> Example:
    """An answer with one level whose signals say yes for odd numbers; people agree unless a grade is given."""
    reached = number % 2
    level = Level("c", "merit", 1.0, build_signals(4.0 * reached - 2.0))
    return Example(dataset, f"q{number % 5}", "en", str(number), float(reached) if grade is None else grade, (level,))


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    """Write JSON lines, packed if the name ends in .gz."""
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def build_row(question: str, number: int, /, **fields: Any) -> dict[str, Any]:
    """A row of a file of graded answers."""
    return {
        "id": f"{question}{number}",
        "question_id": question,
        "question": f"What is {question}?",
        "lang": "en",
        "reference": "Water boils. Steam rises. It condenses. Rain falls.",
        "answer": f"answer {number} to {question}",
        "score": 3,
        "max_score": 5,
        **fields,
    }
