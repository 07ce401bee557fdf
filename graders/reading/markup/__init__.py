"""Markup of answers: HTML of a learning platform, and entities, become text with offsets back to the raw answer."""

from .mapped_text import MappedText
from .read_markup import read_markup

__all__ = ["MappedText", "read_markup"]
