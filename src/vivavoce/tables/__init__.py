"""Tables in files, whatever program wrote them: CSV in any encoding, JSON, Excel and OpenDocument."""

from .decoding import decode_text
from .model import BadCell, Row, Sentence, Table, TableError
from .reading import JSON_ENDINGS, read_bytes, read_table, require_fields

__all__ = [
    "JSON_ENDINGS",
    "BadCell",
    "Row",
    "Sentence",
    "Table",
    "TableError",
    "decode_text",
    "read_bytes",
    "read_table",
    "require_fields",
]
