"""Collects what embeddings, word overlap, verifier and judge find in an answer, for each level of each criterion."""
