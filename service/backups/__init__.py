"""Backups of the database: taken, checked and restored."""
