"""Analyses of cohorts that jobs carry out."""
