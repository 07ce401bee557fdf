"""The terminal: consoles, progress and tables."""
