"""Analyses of cohorts: figures of questions and criteria, near-duplicates, and regrades as reviewed changes."""
