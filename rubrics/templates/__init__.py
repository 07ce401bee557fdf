"""Templates of rubrics for knowledge questions, behavioural questions (STAR) and cases, in both languages."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources

from ..model import Question

TEMPLATES = ("knowledge", "star", "case")
_PLACEHOLDER = re.compile(r"⟨[^⟩]*⟩")


def fill_template(name: str, question: Question) -> str:
    """The YAML of a draft for a question; the parts that its writer has to fill in are marked by ⟨ ⟩."""
    file = resources.files(__package__) / f"{name}.{question.language}.yaml"
    text = file.read_text(encoding="utf-8")
    # JSON strings are valid YAML, whatever characters they contain.
    return text.replace("{id}", question.id).replace("{text}", json.dumps(question.text, ensure_ascii=False))


def unfilled(text: str) -> list[str]:
    """The placeholders of templates that a text still contains; other text in ⟨ ⟩ is not reported."""
    return [mark for mark in dict.fromkeys(_PLACEHOLDER.findall(text)) if mark in _list_placeholders()]


@cache
def _list_placeholders() -> frozenset[str]:
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".yaml")]
    return frozenset(mark for file in files for mark in _PLACEHOLDER.findall(file.read_text(encoding="utf-8")))
