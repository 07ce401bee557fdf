"""The routes of the API: a module for each resource, in a folder for each group."""

from .administration import audit, health, judges, keys
from .cohorts import analyses, candidates, cohorts, mappings, regrades, results
from .cohorts import files as cohort_files
from .cohorts import items as cohort_items
from .events import deliveries, events, webhooks
from .exports import exports, grade_edits
from .exports import files as export_files
from .gradings import gradings, reviews, submissions
from .gradings import lists as grading_lists
from .rubrics import imports as rubric_imports
from .rubrics import questions, rubrics
from .rubrics import reports as rubric_reports

ROUTERS = (
    gradings.router,
    grading_lists.router,
    reviews.router,
    submissions.router,
    questions.router,
    keys.router,
    rubrics.router,
    rubric_imports.router,
    rubric_reports.router,
    judges.router,
    audit.router,
    cohorts.router,
    cohort_items.router,
    results.router,
    events.router,
    webhooks.router,
    deliveries.router,
    cohort_files.router,
    mappings.router,
    exports.router,
    export_files.router,
    grade_edits.router,
    candidates.router,
    analyses.router,
    regrades.router,
    health.router,
)
"""In the order of the documentation."""
