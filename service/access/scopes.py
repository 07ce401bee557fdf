"""Scopes, of which every route of the API asks for one, and roles, which are named sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do."""

    GRADINGS_READ = "gradings:read"
    GRADINGS_WRITE = "gradings:write"
    ANSWER_KEY_READ = "answer_key:read"
    ANSWERS_ERASE = "answers:erase"
    REVIEWS_WRITE = "reviews:write"
    QUESTIONS_READ = "questions:read"
    RUBRICS_READ = "rubrics:read"
    RUBRICS_WRITE = "rubrics:write"
    COHORTS_READ = "cohorts:read"
    COHORTS_WRITE = "cohorts:write"
    EVENTS_READ = "events:read"
    EXPORTS_READ = "exports:read"
    EXPORTS_WRITE = "exports:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    JUDGES_READ = "judges:read"
    JUDGES_WRITE = "judges:write"
    AUDIT_READ = "audit:read"
    SERVICE_READ = "service:read"


class Role(StrEnum):
    """The roles that a key may have."""

    ADMIN = "admin"
    INTERVIEWER = "interviewer"
    INTEGRATOR = "integrator"
    AUDITOR = "auditor"


_READ_WORK = frozenset({Scope.GRADINGS_READ, Scope.QUESTIONS_READ, Scope.COHORTS_READ, Scope.EVENTS_READ})
_DO_WORK = _READ_WORK | {Scope.GRADINGS_WRITE, Scope.COHORTS_WRITE, Scope.EXPORTS_READ, Scope.EXPORTS_WRITE}
_READ_KEY = frozenset({Scope.ANSWER_KEY_READ, Scope.RUBRICS_READ})
SCOPES_BY_ROLE: Mapping[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.INTERVIEWER: _DO_WORK | _READ_KEY | {Scope.REVIEWS_WRITE, Scope.RUBRICS_WRITE, Scope.JUDGES_READ},
    # Tools show what they get to candidates, so they never see the answer key.
    Role.INTEGRATOR: _DO_WORK | {Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE},
    Role.AUDITOR: _READ_WORK
    | _READ_KEY
    | {Scope.EXPORTS_READ, Scope.EXPORTS_WRITE, Scope.KEYS_READ, Scope.JUDGES_READ, Scope.AUDIT_READ},
}
