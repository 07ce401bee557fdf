"""Markup of answers: HTML of a learning platform, and entities, become text with offsets back to the raw answer."""

from .mapped_text import MappedText
from .read_markup import read_markup
from .recognition import is_page, speaks_of_markup

__all__ = ["MappedText", "is_page", "read_markup", "speaks_of_markup"]
