"""The rule of every route: the scope that a key must have, or PUBLIC. A route without a rule stops the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from .scopes import Scope


class Public(Enum):
    """The rule of a route that needs no key."""

    PUBLIC = auto()


PUBLIC = Public.PUBLIC
RULES: Mapping[str, Scope | Public] = {
    # health, documents
    "alive": PUBLIC,
    "ready": PUBLIC,
    "show_metrics": PUBLIC,
    "show_openapi": PUBLIC,
    "show_docs": PUBLIC,
    # questions
    "list_questions": Scope.QUESTIONS_READ,
    # gradings
    "create_grading": Scope.GRADINGS_WRITE,
    "read_grading": Scope.GRADINGS_READ,
    "cancel_grading": Scope.GRADINGS_WRITE,
    "requeue_grading": Scope.GRADINGS_WRITE,
    # rubrics
    # cohorts
    # cohort files
    "upload_cohort_file": Scope.COHORTS_WRITE,
    "list_cohort_files": Scope.COHORTS_READ,
    "read_cohort_file": Scope.COHORTS_READ,
    "list_file_problems": Scope.COHORTS_READ,
    "download_bad_rows": Scope.COHORTS_READ,
    "change_file_mapping": Scope.COHORTS_WRITE,
    "apply_cohort_file": Scope.COHORTS_WRITE,
    "delete_cohort_file": Scope.COHORTS_WRITE,
    "create_mapping": Scope.COHORTS_WRITE,
    "list_mappings": Scope.COHORTS_READ,
    "read_mapping": Scope.COHORTS_READ,
    "delete_mapping": Scope.COHORTS_WRITE,
    # results, candidates, analyses, regrades
    # exports
    # events
    # webhooks
    # keys, organisation
    # judges, audit
}


def find_missing_rules(route_names: Iterable[str]) -> list[str]:
    """Returns the names of routes without a rule, sorted."""
    return sorted(set(route_names) - set(RULES))
