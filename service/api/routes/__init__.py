"""The routes of the API, one module for each resource."""

from . import grading_lists, gradings, health, questions, reviews, submissions

ROUTERS = (
    gradings.router,
    grading_lists.router,
    reviews.router,
    submissions.router,
    questions.router,
    health.router,
)
"""In the order of the documentation."""
