"""Builds identifiers from titles and questions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

_MAX_LENGTH = 40
# Shorter slugs say nothing about a title.
_MIN_LENGTH = 3


def identifiers(titles: Sequence[str], *, otherwise: str = "point") -> list[str]:
    """A unique slug for each title; a title without enough Latin letters gets `otherwise` and its number (from 1)."""
    slugs: list[str] = []
    for number, title in enumerate(titles, start=1):
        slug = _build_slug(title, otherwise=f"{otherwise}-{number}")
        # A loop, since the numbered slug may be another title's.
        while slug in slugs:
            slug = f"{slug}-{number}"
        slugs.append(slug)
    return slugs


def question_identifier(text: str) -> str:
    """A slug for a new question: its first words in Latin letters, or a short hash if there are too few."""
    return _build_slug(text, otherwise=f"question-{hashlib.sha256(text.encode()).hexdigest()[:8]}")


def _build_slug(text: str, *, otherwise: str) -> str:
    """The Latin letters and digits of a text, in lower case and joined by hyphens, or `otherwise` if too few."""
    # NFKD splits accents off, so that é becomes e.
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MAX_LENGTH].strip("-")
    return slug if len(slug) >= _MIN_LENGTH else otherwise
