"""Text that invisible characters spell: tags stand for ASCII, runs of variation selectors for bytes of UTF-8."""

from __future__ import annotations

import re

_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_TAG_OFFSET = 0xE0000
# Emoji have one or two; runs of more are a message.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}")


def read_hidden(text: str) -> str:
    """What the invisible characters of a text spell, a line for each run; empty if they spell nothing."""
    if text.isascii():
        return ""
    runs = ["".join(chr(ord(tag) - _TAG_OFFSET) for tag in run[0]) for run in _TAGS.finditer(text)]
    runs += [bytes(map(_read_selector, run[0])).decode("utf-8", errors="ignore") for run in _SELECTORS.finditer(text)]
    return "\n".join(runs)


def _read_selector(selector: str) -> int:
    code = ord(selector)
    return code - 0xFE00 if code < 0xE0100 else code - 0xE0100 + 16
