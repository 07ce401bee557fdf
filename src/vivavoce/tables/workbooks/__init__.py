"""Workbooks of Excel and OpenDocument: which sheet is read, and what its cells hold."""
