"""Requests as values, what is done with them, and the two runners that do it: one blocks, one awaits."""
