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
    "make_cohort": Scope.COHORTS_WRITE,
    "list_cohorts": Scope.COHORTS_READ,
    "read_cohort": Scope.COHORTS_READ,
    "update_cohort": Scope.COHORTS_WRITE,
    "remove_cohort": Scope.COHORTS_WRITE,
    "finalise_cohort": Scope.COHORTS_WRITE,
    "reopen_cohort": Scope.COHORTS_WRITE,
    "start_cohort": Scope.COHORTS_WRITE,
    "pause_cohort": Scope.COHORTS_WRITE,
    "cancel_cohort": Scope.COHORTS_WRITE,
    "resume_cohort": Scope.COHORTS_WRITE,
    "estimate_cohort": Scope.COHORTS_READ,
    "append_items": Scope.COHORTS_WRITE,
    "list_items": Scope.COHORTS_READ,
    "read_item": Scope.COHORTS_READ,
    # cohort files
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
