"""The routes of the API, one module for each resource."""

from . import gradings, health, keys, questions

ROUTERS = (
    gradings.router,
    questions.router,
    keys.router,
    health.router,
)
"""In the order of the documentation."""
