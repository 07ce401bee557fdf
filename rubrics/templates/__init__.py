"""Beginnings of rubrics: for questions of knowledge, of behaviour (STAR), and for cases, in both languages."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources

from ..model import Question

TEMPLATES = ("knowledge", "star", "case")
_PLACEHOLDER = re.compile(r"⟨[^⟩]*⟩")


def fill_template(name: str, question: Question) -> str:
    """The YAML of a draft for a question; what its writer has to fill in stands between ⟨ ⟩."""
    file = resources.files(__package__) / f"{name}.{question.language}.yaml"
    text = file.read_text(encoding="utf-8")
    # JSON strings are YAML strings, whatever is in them.
    return text.replace("{id}", question.id).replace("{text}", json.dumps(question.text, ensure_ascii=False))


def unfilled(text: str) -> list[str]:
    """What of a template's ⟨ ⟩ still stands in a text; other texts may have such brackets of their own."""
    return [found for found in dict.fromkeys(_PLACEHOLDER.findall(text)) if found in _placeholders()]


@cache
def _placeholders() -> frozenset[str]:
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".yaml")]
    return frozenset(found for file in files for found in _PLACEHOLDER.findall(file.read_text(encoding="utf-8")))
