"""The routes of the API, one module for each resource."""

from . import cohort_files, gradings, health, mappings, questions

ROUTERS = (
    gradings.router,
    questions.router,
    cohort_files.router,
    mappings.router,
    health.router,
)
"""In the order of the documentation."""
