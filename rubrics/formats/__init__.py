"""Rubrics in other people's files, and back: YAML, JSON, Markdown and the CSV of Canvas.

Each format reads what it writes. What a format cannot hold is told by `losses`, so that nothing is lost silently.
"""

from .files import FORMATS, RubricFile, format_of, losses, read_rubrics, to_yaml, write_rubrics

__all__ = ["FORMATS", "RubricFile", "format_of", "losses", "read_rubrics", "to_yaml", "write_rubrics"]
