"""Mistakes of the user, which the command line reports in one sentence without a traceback."""

from __future__ import annotations

import os
from pathlib import Path


class UserError(Exception):
    """The user can fix what is wrong; the message names the cause and the fix."""


def require_writable(file: Path | None, *, option: str) -> None:
    """Check before long work that its results can be written; raises UserError if not. None is accepted."""
    if not file:
        return
    if file.is_dir():
        raise UserError(f"{file} is a folder: name a file with {option}.")
    if not file.parent.is_dir():
        raise UserError(f"{file.parent} is not a folder: create it, or name another file with {option}.")
    # A new file needs the permission of its folder.
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(f"{file} cannot be written: check its permissions, or name another file with {option}.")


def require_new_file(file: Path) -> Path:
    """The file itself, if it does not exist yet; else raises UserError, so that nothing is overwritten."""
    if file.exists():
        raise UserError(f"{file} exists: name another file with --out, or remove it.")
    return file
