"""Speakers of a transcript: whose words are the candidate's, and which are context that nobody grades."""

from .dialogue import Dialogue, keep_heard, read_dialogue

__all__ = ["Dialogue", "keep_heard", "read_dialogue"]
