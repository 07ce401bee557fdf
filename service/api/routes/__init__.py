"""The routes of the API, one module for each resource."""

from . import gradings, health, questions

ROUTERS = (
    gradings.router,
    questions.router,
    health.router,
)
"""In the order of the documentation."""
