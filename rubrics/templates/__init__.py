"""Beginnings of rubrics: for questions of knowledge, of behaviour (STAR), and for cases, in both languages."""

from __future__ import annotations

import json
from importlib import resources

from ..model import Question

TEMPLATES = ("knowledge", "star", "case")


def fill_template(name: str, question: Question) -> str:
    """The YAML of a draft for a question; what its writer has to fill in stands between ⟨ ⟩."""
    file = resources.files(__package__) / f"{name}.{question.language}.yaml"
    text = file.read_text(encoding="utf-8")
    # JSON strings are YAML strings, whatever is in them.
    return text.replace("{id}", question.id).replace("{text}", json.dumps(question.text, ensure_ascii=False))
