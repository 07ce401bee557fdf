"""The rule of every route: the scope that a key must have, ANY_KEY or PUBLIC. A route without one stops the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum, auto

from .scopes import Scope


class NoScope(Enum):
    """The rules of routes that need no scope: with any key, and without a key."""

    ANY_KEY = auto()
    PUBLIC = auto()


ANY_KEY, PUBLIC = NoScope.ANY_KEY, NoScope.PUBLIC
RULES: Mapping[str, Scope | NoScope] = {
    # health, documents
    "alive": PUBLIC,
    "ready": PUBLIC,
    "show_metrics": Scope.SERVICE_READ,
    "show_openapi": Scope.SERVICE_READ,
    "show_docs": Scope.SERVICE_READ,
    # questions
    "list_questions": Scope.QUESTIONS_READ,
    "read_question": Scope.QUESTIONS_READ,
    # gradings
    "create_grading": Scope.GRADINGS_WRITE,
    "read_grading": Scope.GRADINGS_READ,
    "cancel_grading": Scope.GRADINGS_WRITE,
    "requeue_grading": Scope.GRADINGS_WRITE,
    "regrade_grading": Scope.GRADINGS_WRITE,
    "list_gradings": Scope.GRADINGS_READ,
    "read_feedback": Scope.GRADINGS_READ,
    "read_submission": Scope.GRADINGS_READ,
    "erase_submission": Scope.ANSWERS_ERASE,
    "erase_candidate": Scope.ANSWERS_ERASE,
    "list_earlier_reports": Scope.GRADINGS_READ,
    "create_review": Scope.REVIEWS_WRITE,
    "list_reviews": Scope.GRADINGS_READ,
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
    "list_results": Scope.COHORTS_READ,
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
    "create_export": Scope.EXPORTS_WRITE,
    "list_exports": Scope.EXPORTS_READ,
    "read_export": Scope.EXPORTS_READ,
    "read_export_file": Scope.EXPORTS_READ,
    "read_export_dictionary": Scope.EXPORTS_READ,
    "delete_export": Scope.EXPORTS_WRITE,
    "create_grade_edit": Scope.REVIEWS_WRITE,
    "read_grade_edit": Scope.REVIEWS_WRITE,
    "apply_grade_edit": Scope.REVIEWS_WRITE,
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
    "show_me": ANY_KEY,
    "create_key": Scope.KEYS_WRITE,
    "list_keys": Scope.KEYS_READ,
    "read_key": Scope.KEYS_READ,
    "rotate_key": Scope.KEYS_WRITE,
    "revoke_key": Scope.KEYS_WRITE,
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
OPEN_IN_DEVELOPMENT = frozenset({"show_metrics", "show_openapi", "show_docs"})
"""Routes that need no key unless the environment is `production`."""


def check_rules(route_names: Iterable[str]) -> None:
    """Raises AssertionError unless every route has a rule, and a name of its own, by which its rule is found."""
    counts = Counter(route_names)
    if missing := sorted(set(counts) - set(RULES)):
        raise AssertionError(f"routes without a rule of access: {', '.join(missing)}")
    if double := sorted(name for name, count in counts.items() if count > 1):
        raise AssertionError(f"routes that share a name, and so a rule of access: {', '.join(double)}")
