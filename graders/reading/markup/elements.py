"""Elements of HTML that editors of learning platforms, word processors and mail programs write."""

from __future__ import annotations

import re

from .tokens import Token

# Before and behind these a line ends.
BLOCKS = frozenset(
    """p div br hr li ul ol dl dt dd tr table thead tbody tfoot caption h1 h2 h3 h4 h5 h6 pre blockquote figure
    figcaption center section article address html head body""".split()
)
CELLS = frozenset({"td", "th"})
# Parts of formulas, which would otherwise run together.
FORMULA_PARTS = frozenset("mi mn mo mtext mrow mfrac msqrt msup msub mover munder mtr mtd".split())
# Pictures and recordings, which nobody reads here.
PICTURES = frozenset("img video audio object embed iframe".split())
# What stands in these is no text of the answer.
UNSEEN = frozenset("script style title annotation annotation-xml".split())
VOID = frozenset("br hr img wbr embed".split())
_INLINE = frozenset(
    """a abbr b big cite code colgroup col del dfn em font i ins kbd link mark math meta q rp rt ruby s samp semantics
    small span strike strong sub sup tt u var wbr path source track""".split()
)
ELEMENTS = BLOCKS | CELLS | FORMULA_PARTS | PICTURES | UNSEEN | _INLINE
# How editors format; in an answer that is HTML they are no names.
FORMATS = frozenset("a b i q small code mark u".split())
# Without these in front, "<s>" and "<a>" are names of tokens and types.
_AMBIGUOUS = frozenset("a b code col data i link mark object path q s small source title u var mi mo mn".split())
# Editors, extensions and programs name elements of their own so; Word puts its name space in front.
_CUSTOM = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
_IN_NAME_SPACE = re.compile(r"(?:o|w|v|m|st\d|mml|wp|u\d):[\w-]+")
_OF_EXTENSION = re.compile(r"[a-z-]*extension://")
_ATTRIBUTE = re.compile(r"[a-z_:@*][a-z0-9_:.-]*")
_VALUELESS = re.compile(r"(?:data|aria|v|_ng\w*|ng)-[\w-]*")
_WITHOUT_VALUE = frozenset(
    "hidden controls nowrap reversed muted loop autoplay allowfullscreen noshade compact".split()
)


def is_known(token: Token) -> bool:
    """Whether a token is a tag of a known element, with nothing in it that is no attribute.

    Custom elements, and those of Word and of formulas in a name space of their own, such as `o:p`, are known.
    """
    if token.kind not in ("open", "close"):
        return False
    is_well_formed = all(
        _ATTRIBUTE.fullmatch(name) and (value is not None or name in _WITHOUT_VALUE or _VALUELESS.fullmatch(name))
        for name, value in token.attributes.items()
    )
    is_element = token.name in ELEMENTS or is_custom(token) or _IN_NAME_SPACE.fullmatch(token.name) is not None
    return is_well_formed and is_element


def is_custom(token: Token) -> bool:
    """Whether a tag is that of an element such as `<app-root>`, or a placeholder such as `<user-id>`."""
    return token.name not in ELEMENTS and _CUSTOM.fullmatch(token.name) is not None


def is_of_extension(token: Token) -> bool:
    """Whether a script or a style comes from an extension of a browser."""
    address = token.attributes.get("src") or token.attributes.get("href") or ""
    return _OF_EXTENSION.match(address) is not None


def is_ambiguous(token: Token) -> bool:
    """Whether a tag may also be a name in angle brackets: `<s>`, `List<a>`."""
    return token.name in _AMBIGUOUS and not token.attributes
