"""The routes of the API, one module for each resource."""

from . import deliveries, events, gradings, health, questions, results, webhooks

ROUTERS = (
    gradings.router,
    questions.router,
    results.router,
    events.router,
    webhooks.router,
    deliveries.router,
    health.router,
)
"""In the order of the documentation."""
