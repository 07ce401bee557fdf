"""The routes of the API, one module for each resource."""

from . import analyses, candidates, gradings, health, questions, regrades

ROUTERS = (
    gradings.router,
    questions.router,
    candidates.router,
    analyses.router,
    regrades.router,
    health.router,
)
"""In the order of the documentation."""
