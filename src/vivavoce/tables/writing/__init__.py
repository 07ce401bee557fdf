"""Tables into files: CSV that spreadsheets do not run, JSON and Excel."""

from .files import WRITABLE, write_table
from .formula_guard import remove_guards

__all__ = ["WRITABLE", "remove_guards", "write_table"]
