"""The routes of the API, one module for each resource."""

from . import (
    audit,
    cohort_items,
    cohorts,
    deliveries,
    events,
    grading_lists,
    gradings,
    health,
    judges,
    keys,
    questions,
    results,
    reviews,
    rubric_reports,
    rubrics,
    submissions,
    webhooks,
)

ROUTERS = (
    gradings.router,
    grading_lists.router,
    reviews.router,
    submissions.router,
    questions.router,
    keys.router,
    rubrics.router,
    rubric_reports.router,
    judges.router,
    audit.router,
    cohorts.router,
    cohort_items.router,
    results.router,
    events.router,
    webhooks.router,
    deliveries.router,
    health.router,
)
"""In the order of the documentation."""
