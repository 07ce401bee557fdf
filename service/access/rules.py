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
    # results, candidates, analyses, regrades
    "list_candidates": Scope.COHORTS_READ,
    "read_candidate": Scope.COHORTS_READ,
    "create_duplicates": Scope.COHORTS_WRITE,
    "list_duplicates": Scope.COHORTS_READ,
    "read_duplicates": Scope.COHORTS_READ,
    "analyse_items": Scope.COHORTS_READ,
    "create_regrade": Scope.COHORTS_WRITE,
    "list_regrades": Scope.COHORTS_READ,
    "read_regrade": Scope.COHORTS_READ,
    "apply_regrade": Scope.COHORTS_WRITE,
    # exports
    # events
    # webhooks
    # keys, organisation
    # judges, audit
}


def find_missing_rules(route_names: Iterable[str]) -> list[str]:
    """Returns the names of routes without a rule, sorted."""
    return sorted(set(route_names) - set(RULES))
