"""HTML in the texts of a rubric, as learning platforms write it, becomes plain text.

Only tags that HTML has are taken as such, and only in pairs: `vector<int>`, `a < b` and "names the <table> tag" stay.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

_BLOCKS = "p|div|br|hr|ul|ol|li|table|tbody|thead|tr|h[1-6]|blockquote|pre|section|article"
_INLINE = "a|abbr|b|big|code|del|em|font|i|img|ins|kbd|mark|s|small|span|strike|strong|sub|sup|td|th|tt|u|var"
_ATTRIBUTE = r"""\s+[a-z][\w:-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
_TAG = re.compile(rf"<(?P<close>/?)(?P<name>{_BLOCKS}|{_INLINE})(?P<attributes>(?:{_ATTRIBUTE})*)\s*/?>", re.IGNORECASE)
_WITHOUT_END = frozenset({"br", "hr", "img"})
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_BLOCK = re.compile(_BLOCKS, re.IGNORECASE)


def find_markup(text: str) -> str | None:
    """The first tag or entity of a text that is HTML, or None for plain text."""
    tags = list(_TAG.finditer(text))
    closed = {tag["name"].lower() for tag in tags if tag["close"]} | _WITHOUT_END
    markup = [tag[0] for tag in tags if not tag["close"] and tag["name"].lower() in closed]
    markup += [entity[0] for entity in _ENTITY.finditer(text) if _read_entity(entity) != entity[0]]
    markup += [hidden[0] for hidden in _HIDDEN.finditer(text)]
    return markup[0][:40] if markup else None


def html_to_text(text: str) -> str:
    """A text without tags and entities; plain text stays as it is, blanks included.

    Blocks become lines, list items begin with a hyphen, and a picture becomes its description.
    """
    if not find_markup(text):
        return text
    plain = _ENTITY.sub(_read_entity, _TAG.sub(_replace_tag, _HIDDEN.sub("", text)))
    lines = (" ".join(line.split()) for line in plain.split("\n"))
    return "\n".join(line for line in lines if line)


def _read_entity(match: re.Match[str]) -> str:
    """The character of an entity; one that HTML does not have stays."""
    is_known = match[0][1] == "#" or match[0][1:] in html5
    return html.unescape(match[0]) if is_known else match[0]


def _replace_tag(match: re.Match[str]) -> str:
    name = match["name"].lower()
    if name == "img":
        alternative = _ALTERNATIVE.search(match["attributes"])
        return f"[picture: {(alternative[1] or alternative[2] or '').strip()}]" if alternative else "[picture]"
    if name == "li" and not match["close"]:
        return "\n- "
    return "\n" if _BLOCK.fullmatch(name) else ""
