"""A small model that reads a statement beside an answer and says how sure it is that the answer makes it."""

from .cross_encoder import CrossEncoderVerifier, Verifier

__all__ = ["CrossEncoderVerifier", "Verifier"]
