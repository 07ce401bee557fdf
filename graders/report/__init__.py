"""Builds the report on an answer, its feedback texts, and its update after an edit of the rubric."""
