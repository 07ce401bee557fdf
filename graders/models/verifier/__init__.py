"""The verifier: a small cross-encoder that estimates how likely an answer makes a statement."""

from .cross_encoder import CrossEncoderVerifier, Verifier

__all__ = ["CrossEncoderVerifier", "Verifier"]
