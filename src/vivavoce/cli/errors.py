"""What the command line says when it cannot go on: one sentence, and no traceback."""

from __future__ import annotations

import os
from pathlib import Path


class UserError(Exception):
    """Something is wrong that the user can mend; the message says what and how."""


def require_writable(file: Path | None, *, option: str) -> None:
    """Raises UserError for a file that cannot be written, before hours of work and not after them."""
    if not file:
        return
    if file.is_dir():
        raise UserError(f"{file} is a folder: name a file with {option}.")
    if not file.parent.is_dir():
        raise UserError(f"{file.parent} is no folder: make it, or name another file with {option}.")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(f"{file} may not be written: check its permissions, or name another file with {option}.")
