"""Judges: their settings, their qualified versions and how well they agree with people."""
