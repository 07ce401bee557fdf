"""Grades in the background: the same work in this process, under Celery, or for a file."""
