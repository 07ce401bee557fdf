"""The campaign on cohorts: answers are graded while everything is cancelled, limited and killed at random."""
