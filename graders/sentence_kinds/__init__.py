"""Sentences that are no part of an answer: those that say nothing, and those that speak to whoever grades."""

from .classifier import says_nothing, speaks_to_grader, talk_terms

__all__ = ["says_nothing", "speaks_to_grader", "talk_terms"]
