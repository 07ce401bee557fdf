"""Tags, comments and text of an answer that may be HTML, with their bounds.

Unlike `html.parser`, which hides the rest of a text behind "<!--" or "<script>" and needs seconds for "<a <a <a …",
this takes for markup only what is complete, in time that grows with the length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

_MARKUP = re.compile(
    r"""(?xsi)
    (?P<comment> <!--(?:(?!<!--).)*?--\s*!?> | <!doctype\b[^<>]*> | <!\[(?:if|endif)\b[^<>]*> | <!\[CDATA\[ | \]\]>
        | <\?xml\b[^<>]*> )
    | <(?P<slash>/?)(?P<name>[a-z][a-z0-9:-]*)(?=[\s/>])(?P<attributes>(?:[^<>"']|"[^"]*"|'[^']*')*)>
    """
)
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]+|["'])(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+))?""")


@dataclass(frozen=True)
class Token:
    """A piece of an answer: text, a tag that opens or closes an element, or a comment.

    `name` and `attributes` (in small letters, None for one without a value) are those of a tag.
    """

    kind: Literal["text", "open", "close", "comment"]
    start: int
    end: int
    name: str = ""
    attributes: Mapping[str, str | None] = field(default_factory=dict)


def read_tokens(raw: str) -> list[Token]:
    """The tokens of a text; they are in order and cover all of it."""
    return list(_list_tokens(raw))


def _list_tokens(raw: str) -> Iterator[Token]:
    done = 0
    for match in _MARKUP.finditer(raw):
        start, end = match.span()
        if done < start:
            yield Token("text", done, start)
        if match["comment"]:
            yield Token("comment", start, end)
        else:
            kind: Literal["open", "close"] = "close" if match["slash"] else "open"
            yield Token(kind, start, end, match["name"].lower(), _read_attributes(match["attributes"]))
        done = end
    if done < len(raw):
        yield Token("text", done, len(raw))


def _read_attributes(text: str) -> dict[str, str | None]:
    return {
        name.lower(): html.unescape(value.strip("\"'")) if value else None for name, value in _ATTRIBUTE.findall(text)
    }
