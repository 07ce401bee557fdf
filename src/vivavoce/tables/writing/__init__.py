"""Tables into files: CSV that spreadsheets do not run, JSON and Excel."""

from .files import WRITABLE, write_table
from .formula_guard import add_guard, remove_guards
from .sheets import Sheet, write_sheets

__all__ = ["WRITABLE", "Sheet", "add_guard", "remove_guards", "write_sheets", "write_table"]
