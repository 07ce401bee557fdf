"""Which sentences of an answer bear on the key of its question; no model reads the others."""

from .filter import RelevanceFilter, SentenceFilter

__all__ = ["RelevanceFilter", "SentenceFilter"]
