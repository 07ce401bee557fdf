"""Where commands print, and how they print and store figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from rich.console import Console
from rich.markup import escape

from vivavoce.rubrics import Language

from ..errors import UserError

# Wide enough for a table with two hashes.
_WIDTH_WITHOUT_TERMINAL = 200
out = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
err = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_WITHOUT_TERMINAL)


def print_note(text: str) -> None:
    """Tell on standard error how something was taken that the user may see differently."""
    err.print(f"[cyan]note:[/cyan] {escape(text)}", highlight=False, soft_wrap=True)


def format_figure(value: float | None, digits: int = 3) -> str:
    """A number with `digits` decimals, or a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def format_change(value: float | None, digits: int = 2) -> str:
    """A number with its sign and `digits` decimals, or a dash for None."""
    return "–" if value is None else f"{value:+.{digits}f}"


def format_share(value: float | None) -> str:
    """A share of 0 to 1 as a whole percentage, or a dash for None."""
    return "–" if value is None else f"{value:.0%}"


def parse_language(name: str) -> Language:
    """The language that an option names; raises UserError for any other."""
    if name in get_args(Language):
        return cast(Language, name)
    raise UserError(f"There is no language '{name}': use zh or en.")


def write_figures(file: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures as indented JSON in UTF-8; does nothing without a file."""
    if file:
        file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
