"""Runs of an answer that encode another text: base64, base32, hexadecimal, binary, escapes, character codes, Morse.

What is found is only searched for attacks. No grader reads it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from ..normal_text import normalise

# In characters; longer texts are attachments, not messages.
_LONGEST_RUN = 20_000
_MORSE = dict(
    zip(
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
        "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        "abcdefghijklmnopqrstuvwxyz0123456789",
        strict=True,
    )
)
_ESCAPE = re.compile(r"\\u\{?([0-9a-f]{4,6})\}?", re.IGNORECASE)
_HEX_PREFIX = re.compile(r"\\x|0x|[\s,:]", re.IGNORECASE)


def find_encoded(text: str) -> Iterator[tuple[int, int, str]]:
    """Bounds of each run that encodes a text, and that text in normal form."""
    for pattern, decode in _DECODERS:
        for run in pattern.finditer(text):
            if run.end() - run.start() > _LONGEST_RUN:
                continue
            try:
                decoded = decode(run[0])
            # Most runs are words, numbers or hashes.
            except (ValueError, OverflowError):
                continue
            if decoded.strip() and decoded.replace("\n", " ").isprintable():
                yield run.start(), run.end(), normalise(decoded).text


def _decode_base64(run: str) -> str:
    bare = run.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8")


def _decode_base32(run: str) -> str:
    bare = run.rstrip("=")
    return base64.b32decode(bare + "=" * (-len(bare) % 8)).decode("utf-8")


def _decode_hex(run: str) -> str:
    return bytes.fromhex(_HEX_PREFIX.sub("", run)).decode("utf-8")


def _decode_binary(run: str) -> str:
    return bytes(int(byte, 2) for byte in re.findall("[01]{8}", run)).decode("utf-8")


def _decode_escapes(run: str) -> str:
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), run)


def _decode_percents(run: str) -> str:
    return unquote(run, errors="strict")


def _decode_codes(run: str) -> str:
    return bytes(int(code) for code in re.findall(r"\d+", run)).decode("utf-8")


def _decode_morse(run: str) -> str:
    words = re.split(r"[/|]", run.replace("·", ".").replace("−", "-").replace("–", "-"))
    return " ".join("".join(_MORSE.get(sign, "?") for sign in word.split()) for word in words)


_DECODERS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{20,}={0,3}"), _decode_base64),
    (re.compile(r"\b[A-Z2-7]{24,}={0,6}"), _decode_base32),
    (re.compile(r"(?<!\w)(?:(?:\\x|0x)?[0-9a-f]{2}[\s,:]{0,2}){10,}(?!\w)", re.IGNORECASE), _decode_hex),
    (re.compile(r"\b(?:[01]{8}\s*){8,}\b"), _decode_binary),
    (re.compile(r"(?<!\S)[^\s%]{0,40}(?:%[0-9a-f]{2}[^\s%]{0,40}){3,}", re.IGNORECASE), _decode_percents),
    (re.compile(r"(?:\\u\{?[0-9a-f]{4,6}\}?\s?){4,}", re.IGNORECASE), _decode_escapes),
    (re.compile(r"\b(?:\d{2,3}[\s,]{1,2}){9,}\d{2,3}\b"), _decode_codes),
    (re.compile(r"(?<![\w.])(?:[.·\-−–]{1,5}[\s/|]+){8,}[.·\-−–]{1,5}"), _decode_morse),
)
