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
    "read_question": Scope.QUESTIONS_READ,
    # gradings
    "create_grading": Scope.GRADINGS_WRITE,
    "read_grading": Scope.GRADINGS_READ,
    "cancel_grading": Scope.GRADINGS_WRITE,
    "requeue_grading": Scope.GRADINGS_WRITE,
    # rubrics
    "create_rubric": Scope.RUBRICS_WRITE,
    "import_rubrics": Scope.RUBRICS_WRITE,
    "list_rubrics": Scope.RUBRICS_READ,
    "read_rubric": Scope.RUBRICS_READ,
    "edit_rubric": Scope.RUBRICS_WRITE,
    "delete_rubric": Scope.RUBRICS_WRITE,
    "freeze_rubric": Scope.RUBRICS_WRITE,
    "retire_rubric": Scope.RUBRICS_WRITE,
    "lint_rubric": Scope.RUBRICS_READ,
    "compare_rubric": Scope.RUBRICS_READ,
    "export_rubric": Scope.RUBRICS_READ,
    "test_rubric": Scope.RUBRICS_WRITE,
    "read_rubric_test": Scope.RUBRICS_READ,
    # cohorts
    # cohort files
    # results, candidates, analyses, regrades
    # exports
    # events
    # webhooks
    # keys, organisation
    # judges, audit
    "list_judges": Scope.JUDGES_READ,
    "read_judge": Scope.JUDGES_READ,
    "promote_judge": Scope.JUDGES_WRITE,
    "retire_judge": Scope.JUDGES_WRITE,
    "roll_back_judge": Scope.JUDGES_WRITE,
    "list_audit_events": Scope.AUDIT_READ,
    "read_audit_head": Scope.AUDIT_READ,
    "verify_audit_trail": Scope.AUDIT_READ,
}


def find_missing_rules(route_names: Iterable[str]) -> list[str]:
    """Returns the names of routes without a rule, sorted."""
    return sorted(set(route_names) - set(RULES))
