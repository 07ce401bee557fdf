"""Identifiers from words that people wrote."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

_LONGEST = 40


def identifier(words: str, *, otherwise: str) -> str:
    """The Latin letters and digits of some words as a slug, or `otherwise` when there are too few of them."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-")
    return slug if len(slug) > 2 else otherwise


def identifiers(titles: Sequence[str], *, otherwise: str = "point") -> list[str]:
    """A slug for each title, never one twice; a title without Latin letters gets `otherwise` and its number."""
    found: list[str] = []
    for number, title in enumerate(titles, start=1):
        name = identifier(title, otherwise=f"{otherwise}-{number}")
        while name in found:
            name = f"{name}-{number}"
        found.append(name)
    return found


def question_identifier(text: str) -> str:
    """A slug for a new question: its first words in Latin letters, or a short hash of a Chinese one."""
    return identifier(text, otherwise=f"question-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
