"""Coefficients from answers whose grade is known: tables of signals, the model, its choice, and what it is worth."""

from .examples import Example, Level, levels_of, read_table, write_table
from .monotone_logit import MonotoneLogit, shares

__all__ = ["Example", "Level", "MonotoneLogit", "levels_of", "read_table", "shares", "write_table"]
