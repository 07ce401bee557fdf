"""The routes of the API, one module for each resource."""

from . import audit, gradings, health, judges, questions, rubric_imports, rubric_reports, rubrics

ROUTERS = (
    gradings.router,
    questions.router,
    rubrics.router,
    rubric_imports.router,
    rubric_reports.router,
    judges.router,
    audit.router,
    health.router,
)
"""In the order of the documentation."""
