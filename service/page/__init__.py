"""The HTML page with graded answers."""
