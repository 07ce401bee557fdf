"""The routes of the API, one module for each resource."""

from . import grading_lists, gradings, health, keys, questions, reviews, submissions

ROUTERS = (
    gradings.router,
    grading_lists.router,
    reviews.router,
    submissions.router,
    questions.router,
    keys.router,
    health.router,
)
"""In the order of the documentation."""
