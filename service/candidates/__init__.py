"""Candidates of a cohort across its questions: totals with their ranges, and tiers instead of ranks."""
