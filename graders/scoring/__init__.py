"""Computes probabilities, points, the score and its confidence from the signals; plain arithmetic, no model."""
