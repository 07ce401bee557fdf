"""vivavoce grades free-text interview answers against rubrics."""

from importlib.metadata import version

__version__ = version("vivavoce")
