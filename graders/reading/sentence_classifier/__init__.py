"""Classifiers of sentences that are no part of an answer: filler, and sentences that address the grader."""

from .classifier import CERTAINTIES, SentenceClassifier, TrainedSentenceClassifier, training_filler_terms

__all__ = ["CERTAINTIES", "SentenceClassifier", "TrainedSentenceClassifier", "training_filler_terms"]
