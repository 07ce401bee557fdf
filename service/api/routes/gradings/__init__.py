"""Routes for gradings: answers submitted, listed, reviewed and erased."""

from . import lifecycle, lists, reviews, submissions

ROUTERS = (lifecycle.router, lists.router, reviews.router, submissions.router)
