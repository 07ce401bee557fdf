"""Entities such as `&nbsp;`, `&#39;` and `&lt;`, in HTML and in text that was escaped without being HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from .mapped_text import MappedText

# At most so many digits, as Unicode needs no more.
_NUMBER = r"\#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6})"
# Chinese input methods end entities with their own semicolon.
_IN_HTML = re.compile(rf"&(?:{_NUMBER}|[A-Za-z][A-Za-z0-9]{{0,31}})[;；]?")
# Names that are no variables: "&sum;" and "&num;" may be code.
_NAMES_IN_TEXT = """
    nbsp ensp emsp thinsp zwnj zwj shy Tab NewLine lt gt amp quot apos ldquo rdquo lsquo rsquo sbquo bdquo laquo raquo
    mdash ndash hellip bull middot times divide deg plusmn le ge ne larr rarr harr copy reg trade
""".split()
_IN_TEXT = re.compile(
    rf"""(?x) &(?: {_NUMBER}(?:[;；]|(?![0-9]))
    | (?:{"|".join(_NAMES_IN_TEXT)} | [a-zA-Z](?:acute|grave|circ|uml|tilde|cedil|ring) | szlig)[;；]
    | nbsp(?![A-Za-z0-9=]) )"""
)
_BARE_AMPERSAND = re.compile(r"&(?![A-Za-z]|#)")
_QUOTES = "`'\"“‘「『"


def decode_html(text: str, offset: int) -> Iterator[tuple[str, int, int]]:
    """The pieces of a text in HTML that begins at `offset`, as a browser shows its entities."""
    done = 0
    for match in _IN_HTML.finditer(text):
        decoded = _decode(match.group())
        if decoded == match.group():
            continue
        yield text[done : match.start()], offset + done, offset + match.start()
        yield decoded, offset + match.start(), offset + match.end()
        done = match.end()
    yield text[done:], offset + done, offset + len(text)


def decode_text(text: str) -> MappedText | None:
    """A text that is no HTML with its entities decoded; None if it has none.

    An entity is kept if it is quoted, or if the text also has its character as it is: then it was not escaped, and
    speaks of the entity.
    """
    if "&" not in text:
        return None
    pieces: list[tuple[str, int, int]] = []
    done = 0
    for match in _IN_TEXT.finditer(text):
        decoded = _decode(match.group())
        if decoded == match.group() or _is_spoken_of(text, match, decoded):
            continue
        pieces.append((text[done : match.start()], done, match.start()))
        pieces.append((decoded, *match.span()))
        done = match.end()
    if not pieces:
        return None
    return MappedText.from_pieces([*pieces, (text[done:], done, len(text))])


def _decode(entity: str) -> str:
    """The character of an entity; an unknown one stays as it is."""
    written = entity.replace("；", ";")
    decoded = html.unescape(written)
    return entity if decoded == written else decoded


def _is_spoken_of(text: str, match: re.Match[str], decoded: str) -> bool:
    if match.start() and text[match.start() - 1] in _QUOTES and text[match.end() : match.end() + 1] not in ("", " "):
        return True
    if decoded in "<>":
        return "<" in text or ">" in text
    return bool(_BARE_AMPERSAND.search(text)) if decoded == "&" else decoded in "\"'" and decoded in text
