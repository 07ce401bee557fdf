"""Sentences that are no part of an answer: those that say nothing, and those that speak to whoever grades."""

from .classifier import SentenceKinds, TrainedSentenceKinds, talk_terms

__all__ = ["SentenceKinds", "TrainedSentenceKinds", "talk_terms"]
