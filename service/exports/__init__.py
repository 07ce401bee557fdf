"""Exports: files of results that a job writes and that callers fetch."""
