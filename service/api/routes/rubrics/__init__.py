"""Routes for questions and rubrics."""

from . import imports, questions, reports, versions

ROUTERS = (questions.router, versions.router, imports.router, reports.router)
