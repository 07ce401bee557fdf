"""Backups of the database: taking, checking, restoring."""
