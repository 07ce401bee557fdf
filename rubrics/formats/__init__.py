"""Reads and writes rubrics in other formats: YAML, JSON, Markdown and the CSV of Canvas.

Each format reads what it writes. `losses` lists what a format cannot hold, so that nothing is lost silently.
"""

from .files import FORMATS, RubricFile, format_of, losses, read_rubrics, to_yaml, write_rubrics

__all__ = ["FORMATS", "RubricFile", "format_of", "losses", "read_rubrics", "to_yaml", "write_rubrics"]
