"""Grades that people edited in an exported file: compared row by row, then applied as reviews."""
