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
    "list_results": Scope.COHORTS_READ,
    # exports
    # events
    "list_events": Scope.EVENTS_READ,
    "stream_events": Scope.EVENTS_READ,
    # webhooks
    "list_webhooks": Scope.WEBHOOKS_READ,
    "read_webhook": Scope.WEBHOOKS_READ,
    "list_deliveries": Scope.WEBHOOKS_READ,
    "read_delivery": Scope.WEBHOOKS_READ,
    "create_webhook": Scope.WEBHOOKS_WRITE,
    "edit_webhook": Scope.WEBHOOKS_WRITE,
    "delete_webhook": Scope.WEBHOOKS_WRITE,
    "rotate_webhook_secret": Scope.WEBHOOKS_WRITE,
    "ping_webhook": Scope.WEBHOOKS_WRITE,
    "replay_webhook": Scope.WEBHOOKS_WRITE,
    "enable_webhook": Scope.WEBHOOKS_WRITE,
    "disable_webhook": Scope.WEBHOOKS_WRITE,
    # keys, organisation
    # judges, audit
}


def find_missing_rules(route_names: Iterable[str]) -> list[str]:
    """Returns the names of routes without a rule, sorted."""
    return sorted(set(route_names) - set(RULES))
