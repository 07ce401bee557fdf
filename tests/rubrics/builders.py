"""Rubrics that differ from another in one place."""

from __future__ import annotations

from typing import Any

from vivavoce.rubrics import Rubric

GATE = {"id": "gate", "kind": "gate", "title": "On topic", "statement": "It is on topic.", "cap": 0.5}


def edited(rubric: Rubric, *path: str | int, value: Any) -> Rubric:
    """The rubric with another value at a path, such as `"criteria", 0, "points"`."""
    data = rubric.model_dump(mode="json")
    parent: Any = data
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return Rubric.model_validate(data)


def without(rubric: Rubric, criterion: str) -> Rubric:
    """The rubric without a criterion and its expected points."""
    data = rubric.model_dump(mode="json")
    data["criteria"] = [c for c in data["criteria"] if c["id"] != criterion]
    data["expected_points"] = [p for p in data["expected_points"] if p["criterion"] != criterion]
    return Rubric.model_validate(data)


def with_criterion(rubric: Rubric, criterion: dict[str, Any]) -> Rubric:
    """The rubric with one more criterion."""
    data = rubric.model_dump(mode="json")
    return Rubric.model_validate({**data, "criteria": [*data["criteria"], criterion]})


def translated(rubric: Rubric) -> Rubric:
    """The rubric as one in Chinese, whatever language its texts have."""
    return edited(rubric, "question", "language", value="zh")
