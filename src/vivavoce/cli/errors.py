"""What the command line says when it cannot go on: one sentence, and no traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something is wrong that the user can mend; the message says what and how."""
