"""Where commands write, and how they write figures."""

from __future__ import annotations

import sys
from typing import cast, get_args

from rich.console import Console

from vivavoce.rubrics import Language

from .errors import UserError

# Wide enough for a table with two hashes; files and pipes are not wrapped like a terminal.
_WIDTH_WITHOUT_TERMINAL = 200
out = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
err = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_WITHOUT_TERMINAL)


def format_figure(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals, or a dash for one that is undefined."""
    return "–" if value is None else f"{value:.{digits}f}"


def parse_language(name: str) -> Language:
    """The language of an option; raises UserError."""
    if name in get_args(Language):
        return cast(Language, name)
    raise UserError(f"There is no language '{name}': use zh or en.")
