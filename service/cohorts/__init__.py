"""Cohorts: many answers that are graded as one piece of work, within limits that their owner sets."""
