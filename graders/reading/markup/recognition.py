"""Whether an answer is HTML, or a text that speaks of tags, types and tokens in angle brackets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from .elements import BLOCKS, FORMATS, UNSEEN, VOID, is_ambiguous, is_custom, is_known, is_of_extension
from .tokens import Token, read_tokens

_PAGE = re.compile(r"(?is)\s*<(?:p|div)\b[^<>]*>.*</(?:p|div)>\s*")
_QUOTED = re.compile(r"[`'\"“‘「『«]$")
# "<s>" begins a language model's text; a script may be what is asked for.
_NO_EVIDENCE = frozenset({"s", *UNSEEN})
# "The <p> tag", "use <br> for …", 用 <p> 标签.
_SPOKEN_OF_BEFORE = re.compile(
    r"(?i)(?:\b(?:tags?|elements?|html|use|uses|using|with|write|writing|within)|标签|元素|标记)\s*$"
)
_SPOKEN_OF_BEHIND = re.compile(r"(?i)^\s*(?:tags?\b|elements?\b|html\b|is\b|are\b|标签|元素|标记|表示|用于)")


def speaks_of_markup(*texts: str) -> bool:
    """Whether one of the texts of a rubric has a tag, such as "<p>"; then the answers to it speak of tags."""
    tokens = (token for text in texts if "<" in text for token in read_tokens(text))
    return any(is_known(token) and token.name != "s" for token in tokens)


def is_page(raw: str) -> bool:
    """Whether an answer stands in a paragraph or division, as editors of learning platforms store it."""
    return _PAGE.fullmatch(raw) is not None


def find_tags(raw: str, tokens: Sequence[Token]) -> frozenset[int]:
    """Indices of the tokens that are markup; none if the text is no HTML.

    A text is HTML if it begins and ends with tags, or has an element that is closed, a tag with attributes or a line
    break. A tag in quotes, or one that the words around it speak of, is text.
    """
    known = [index for index, token in enumerate(tokens) if is_known(token)]
    if not known:
        return frozenset()
    pairs = _find_pairs(tokens, known)
    # An element that stands alone, such as "<user-id>", is a placeholder.
    known = [index for index in known if not is_custom(tokens[index]) or index in pairs or tokens[index].attributes]
    sure = _find_sure_tags(tokens, known, pairs)
    if is_wrapped(raw, tokens, sure):
        markup = known
    else:
        sure = [index for index in sure if not _is_spoken_of(raw, tokens[index])]
        # Of an element that is spoken of, both tags stay.
        sure = [index for index in sure if index not in pairs or pairs[index] in sure]
        if not sure and not _opens_a_line(raw, tokens, known):
            return frozenset()
        markup = [index for index in known if index in sure or not _is_spoken_of(raw, tokens[index])]
    is_html = _begins_with_block(raw, tokens, known)
    return frozenset(
        index
        for index in markup
        if index in pairs
        or index in sure
        or not is_ambiguous(tokens[index])
        or (is_html and tokens[index].name in FORMATS)
    )


def _find_sure_tags(tokens: Sequence[Token], known: Sequence[int], pairs: Mapping[int, int]) -> list[int]:
    """Indices of the tags that show that a text is HTML."""
    sure = []
    for index in known:
        token = tokens[index]
        if is_custom(token):
            # Both tags enclose the whole text, or nothing at all.
            opened, closed = sorted((index, pairs.get(index, index)))
            is_sure = bool(token.attributes or tokens[opened].attributes) or closed - opened in (1, len(tokens) - 1)
        elif token.name in _NO_EVIDENCE:
            is_sure = is_of_extension(token) or is_of_extension(tokens[pairs.get(index, index)])
        else:
            is_sure = index in pairs or bool(token.attributes) or token.name in VOID
        if is_sure:
            sure.append(index)
    # The end of an export that was cut.
    if known and known[-1] == len(tokens) - 1 and tokens[-1].kind == "close" and known[-1] not in sure:
        sure += [] if tokens[-1].name in _NO_EVIDENCE else [known[-1]]
    return sure


def is_wrapped(raw: str, tokens: Sequence[Token], sure: Sequence[int]) -> bool:
    """Whether the text begins and ends with tags or comments, of which one is surely markup."""
    filled = [index for index, token in enumerate(tokens) if raw[token.start : token.end].strip()]
    ends = (filled[0], filled[-1])
    return bool(sure) and all(index in sure or tokens[index].kind == "comment" for index in ends)


def _find_pairs(tokens: Sequence[Token], known: Sequence[int]) -> dict[int, int]:
    """The tags that open and close one element, each with the other."""
    waiting: dict[str, list[int]] = defaultdict(list)
    pairs: dict[int, int] = {}
    for index in known:
        token = tokens[index]
        if token.kind == "open":
            waiting[token.name].append(index)
        elif waiting[token.name]:
            opened = waiting[token.name].pop()
            pairs[opened], pairs[index] = index, opened
    return pairs


def _is_spoken_of(raw: str, token: Token) -> bool:
    before, behind = raw[max(token.start - 12, 0) : token.start], raw[token.end : token.end + 12]
    return bool(_QUOTED.search(before) or _SPOKEN_OF_BEFORE.search(before) or _SPOKEN_OF_BEHIND.search(behind))


def _opens_a_line(raw: str, tokens: Sequence[Token], known: Sequence[int]) -> bool:
    """Whether a block that is not closed, as old editors leave it, touches a word, and the text begins with a tag."""
    blocks = (
        tokens[index] for index in known if tokens[index].name in BLOCKS - UNSEEN and tokens[index].kind == "open"
    )
    touches = any(raw[block.end : block.end + 1].strip() for block in blocks)
    if not known or not touches:
        return False
    first = tokens[known[0]]
    is_first = not raw[: first.start].strip() and first.kind == "open"
    return is_first and first.name not in _NO_EVIDENCE and raw[first.end : first.end + 1].strip() != ""


def _begins_with_block(raw: str, tokens: Sequence[Token], known: Sequence[int]) -> bool:
    """Whether the text begins with the tag of a block, or with that of a format and has a block that touches a word."""
    if not known:
        return False
    first = tokens[known[0]]
    if raw[: first.start].strip() or first.kind != "open":
        return False
    return first.name in BLOCKS or _opens_a_line(raw, tokens, known)
