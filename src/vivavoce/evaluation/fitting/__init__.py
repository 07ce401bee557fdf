"""Fits the combiner's coefficients to answers whose grade is known: tables of signals, the model, its evaluation."""

from .examples import Example, Level, levels_of, read_table, write_table
from .monotone_logit import MonotoneLogit, predict_shares

__all__ = ["Example", "Level", "MonotoneLogit", "levels_of", "predict_shares", "read_table", "write_table"]
