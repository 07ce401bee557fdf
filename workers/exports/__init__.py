"""Writes exported files from one snapshot of the database."""
