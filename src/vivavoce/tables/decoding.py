"""Bytes as text."""

from __future__ import annotations

from .model import TableError


def decode_text(data: bytes, *, encoding: str | None = None) -> tuple[str, str | None]:
    """The text of bytes, and a notice of the encoding taken if it was guessed; raises TableError."""
    try:
        return data.decode(encoding or "utf-8-sig"), None
    except UnicodeDecodeError:
        raise TableError("is not text") from None
