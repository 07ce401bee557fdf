"""The routes of the API: a module for each resource, in a folder for each group."""

from . import administration, cohorts, events, exports, gradings, rubrics

ROUTERS = (
    *gradings.ROUTERS,
    *rubrics.ROUTERS,
    *cohorts.ROUTERS,
    *exports.ROUTERS,
    *events.ROUTERS,
    *administration.ROUTERS,
)
"""In the order of the documentation."""
