"""The routes of the API, one module for each resource."""

from . import cohort_items, cohorts, gradings, health, questions

ROUTERS = (
    gradings.router,
    questions.router,
    cohorts.router,
    cohort_items.router,
    health.router,
)
"""In the order of the documentation."""
