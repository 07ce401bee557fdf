"""Answers in tables that people made: in one column, or in a column for each question."""
