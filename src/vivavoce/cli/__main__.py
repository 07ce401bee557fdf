"""`python -m vivavoce.cli` is `viva`."""

from .main import run

run()
