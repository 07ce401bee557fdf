"""The routes of the API, one module for each resource."""

from . import export_files, exports, grade_edits, gradings, health, questions

ROUTERS = (
    gradings.router,
    questions.router,
    exports.router,
    export_files.router,
    grade_edits.router,
    health.router,
)
"""In the order of the documentation."""
