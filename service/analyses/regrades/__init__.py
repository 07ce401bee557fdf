"""Regrades of a cohort: what another rubric, pass mark or judge would change, reviewed before it is applied."""
