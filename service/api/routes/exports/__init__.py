"""Routes for exports, and edited grades that come back."""

from . import files, grade_edits, lifecycle

ROUTERS = (lifecycle.router, files.router, grade_edits.router)
