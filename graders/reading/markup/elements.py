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
# Without these in front, "<s>" and "<a>" are names of tokens and types.
_AMBIGUOUS = frozenset("a b code col data i link mark object path q s small source title u var mi mo mn".split())
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_:.-]*")
_WITHOUT_VALUE = frozenset(
    "hidden controls nowrap reversed muted loop autoplay allowfullscreen noshade compact".split()
)


def is_known(token: Token) -> bool:
    """Whether a token is a tag of a known element, with nothing in it that is no attribute.

    Elements of Word and of formulas in a name space of their own, such as `o:p`, are known.
    """
    if token.kind not in ("open", "close"):
        return False
    is_well_formed = all(
        _ATTRIBUTE.fullmatch(name) and (value is not None or name in _WITHOUT_VALUE)
        for name, value in token.attributes.items()
    )
    return is_well_formed and (token.name in ELEMENTS or re.fullmatch(r"(?:o|w|v|m|st1):\w+", token.name) is not None)


def is_ambiguous(token: Token) -> bool:
    """Whether a tag may also be a name in angle brackets: `<s>`, `List<a>`."""
    return token.name in _AMBIGUOUS and not token.attributes
