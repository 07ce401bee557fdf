"""Gradings: an answer taken in, graded, reviewed, graded again and erased."""
