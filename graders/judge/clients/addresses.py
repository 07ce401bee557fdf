"""Addresses of servers as anybody may see them: without user names and passwords."""

from __future__ import annotations

import re

# From "://" to the last "@" of a word; a password may itself have an "@" or a "/".
_CREDENTIALS = re.compile(r"(?<=://)(?:(?!://)[^\s\"'])*@")


def hide_credentials(text: str) -> str:
    """The text with the user name and the password of every URL in it left out."""
    return _CREDENTIALS.sub("", text)
