"""Runs `viva` as `python -m vivavoce.cli`."""

from .main import run

run()
