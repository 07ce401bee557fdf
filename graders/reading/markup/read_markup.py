"""Text of an answer that is HTML, or that has entities."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from .elements import BLOCKS, CELLS, FORMULA_PARTS, PICTURES, UNSEEN
from .entities import decode_html, decode_text
from .mapped_text import MappedText
from .recognition import find_tags, is_wrapped
from .tokens import Token, read_tokens

_MAY_BE_TAG = re.compile(r"<[A-Za-z/!?]")
_OF_EDITOR = re.compile(r"<!--(?:(?:Start|End)Fragment|\[if)|<!\[(?:if|endif)")
_LINE_BREAK = re.compile(r"[\r\n]")
# An export that escaped the HTML once more.
_ESCAPED_WHOLE = re.compile(r"(?is)\s*&lt;(?:p|div|span|ul|ol|h[1-6]|br|table|b|strong|em)\b.*&gt;\s*")
_ESCAPES = re.compile(r"&(?:lt|gt|amp|quot|\#39);")
# File names that editors put into `alt`.
_FILE_NAME = re.compile(
    r"(?i)\S*\.(?:png|jpe?g|gif|webp|bmp|svg|heic)|(?:image|img|图像|图片|picture|screenshot)[\s\d_-]*"
)


def read_markup(raw: str) -> MappedText | None:
    """The text of an answer without tags and entities; None if the answer has neither.

    Blocks, items and line breaks become line breaks, cells are divided by blanks, and a picture with a description
    becomes the description in square brackets. What HTML shows as a tag (`&lt;p&gt;`) stays text.
    """
    if "<" not in raw and _ESCAPED_WHOLE.fullmatch(raw):
        unescaped = MappedText.from_pieces(_unescape_once(raw))
        text = _read_html(unescaped.text)
        return unescaped.trace(text) if text else decode_text(raw)
    return _read_html(raw) or decode_text(raw)


def _read_html(raw: str) -> MappedText | None:
    if not _MAY_BE_TAG.search(raw):
        return None
    tokens = read_tokens(raw)
    tags = find_tags(raw, tokens)
    comments = frozenset(index for index, token in enumerate(tokens) if token.kind == "comment")
    # An answer without tags may speak of comments.
    if not tags and not any(_OF_EDITOR.match(raw, tokens[index].start) for index in comments):
        return None
    # Within wrapping tags, lines end only where tags say so.
    joins_lines = bool(tags) and is_wrapped(raw, tokens, sorted(tags))
    text = MappedText.from_pieces(
        _write_text(raw, tokens, tags | comments, joins_lines=joins_lines), pictures=_count_pictures(tokens, tags)
    )
    # Some platforms escape twice.
    again = decode_text(text.text)
    return text.trace(again) if again else text


def _write_text(
    raw: str, tokens: Sequence[Token], markup: frozenset[int], *, joins_lines: bool
) -> Iterator[tuple[str, int, int]]:
    """The pieces of the text that a reader sees, with their bounds."""
    unseen: str | None = None
    within_pre = 0
    for index, token in enumerate(tokens):
        if unseen:
            if token.kind == "close" and token.name == unseen:
                unseen = None
        elif index not in markup or _is_left_open(tokens, index):
            part = raw[token.start : token.end]
            shown = _LINE_BREAK.sub(" ", part) if joins_lines and not within_pre else part
            yield from decode_html(shown, token.start)
        else:
            yield _write_tag(token), token.start, token.end
            if token.name == "pre":
                within_pre = max(within_pre + (1 if token.kind == "open" else -1), 0)
            if token.kind == "open" and token.name in UNSEEN:
                unseen = token.name


def _write_tag(token: Token) -> str:
    """What stands for a tag in the text: a line break, a blank, a description or nothing."""
    if token.name in BLOCKS:
        return "\n"
    if token.name in CELLS or token.name in FORMULA_PARTS:
        return " " if token.kind == "close" else ""
    description = _read_description(token)
    return f" [{description}] " if description else ""


def _read_description(token: Token) -> str:
    description = " ".join((token.attributes.get("alt") or "").split()) if token.name == "img" else ""
    has_words = any(map(str.isalnum, description)) and not _FILE_NAME.fullmatch(description)
    return description if has_words else ""


def _count_pictures(tokens: Sequence[Token], tags: frozenset[int]) -> int:
    shown = (tokens[index] for index in tags if tokens[index].kind == "open" and tokens[index].name in PICTURES)
    return sum(not _read_description(token) for token in shown)


def _is_left_open(tokens: Sequence[Token], index: int) -> bool:
    """Whether a tag would hide the whole rest of the text."""
    token = tokens[index]
    if token.kind != "open" or token.name not in UNSEEN:
        return False
    return not any(later.kind == "close" and later.name == token.name for later in tokens[index + 1 :])


def _unescape_once(raw: str) -> Iterator[tuple[str, int, int]]:
    done = 0
    for match in _ESCAPES.finditer(raw):
        yield raw[done : match.start()], done, match.start()
        yield html.unescape(match.group()), match.start(), match.end()
        done = match.end()
    yield raw[done:], done, len(raw)
