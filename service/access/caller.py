"""The caller of a request: whose key it sent, and what that key may do."""

from __future__ import annotations

from dataclasses import dataclass

from .scopes import Role, Scope


@dataclass(frozen=True)
class Caller:
    """The key of a request. `scopes` is never more than what its role allows."""

    organisation_id: str
    key_id: str
    key_name: str
    role: Role
    scopes: frozenset[Scope]

    @property
    def actor(self) -> str:
        """The caller as the audit trail names it, at most 200 characters."""
        return f"key {self.key_id} ({self.key_name})"[:200]

    def may(self, scope: Scope) -> bool:
        """Returns whether the key has a scope."""
        return scope in self.scopes
