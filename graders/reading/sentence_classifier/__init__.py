"""Sentences that are no part of an answer: those that say nothing, and those that speak to whoever grades."""

from .classifier import SentenceClassifier, TrainedSentenceClassifier, training_filler_terms

__all__ = ["SentenceClassifier", "TrainedSentenceClassifier", "training_filler_terms"]
