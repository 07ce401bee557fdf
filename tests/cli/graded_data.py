"""Files of graded answers for benchmarks, and the figures that docs/benchmarks.md describes."""

from __future__ import annotations

import json
from pathlib import Path

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
# Below these come names of data sets, rows and sizes.
_NAMED = ("by_batch_size", "by_dataset", "sets", "rows", "intervals", "macro")


def list_keys(value: object, prefix: str = "") -> set[str]:
    """The keys of figures as the documentation writes them; what stands below a measured name is one of its values."""
    if isinstance(value, list):
        return set().union(*(list_keys(item, prefix + "[]") for item in value)) if value else {prefix}
    if isinstance(value, dict) and prefix.split(".")[-1] not in _NAMED:
        return set().union(*(list_keys(item, f"{prefix}.{name}".lstrip(".")) for name, item in value.items()))
    if isinstance(value, dict) and prefix == "sets":
        return set().union(*(list_keys(item, f"{prefix}.NAME") for item in value.values()))
    return {prefix.removesuffix("[]")}


def write_graded(folder: Path, name: str, *, questions: int = 3, answers: int = 6) -> Path:
    """A file of graded answers, of which every second one is right."""
    path = folder / name
    rows = [
        {
            "id": f"{name}-{question}-{number}",
            "question_id": f"q{question}",
            "question": f"What is {question}?",
            "reference": "It is INT8. It is small.",
            "answer": f"It is {'INT8' if number % 2 else 'large'}, number {number}.",
            "score": float(number % 2),
            "max_score": 1.0,
            "lang": "en",
        }
        for question in range(questions)
        for number in range(answers)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path
