"""The bodies of replies about the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ....audit import Kind
from ....audit_check import Checked
from ....storage.tables import AuditEvent

_HEAD = "41:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class AuditEventPublic(BaseModel):
    """An event of the audit trail."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": 41,
                    "at": "2026-11-30T09:20:00Z",
                    "kind": "rubric_frozen",
                    "subject": "5f0c6f2b7d3a4c1e9b8a7d6c5b4a3f2e",
                    "actor": "key k3v1x0q9z8y7 (hiring team)",
                    "details": {"question_id": "weights-in-int8", "language": "en", "version": 2},
                    "previous_hash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
                    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                }
            ]
        },
    )
    id: int = Field(ge=1, description="Number of the event, from 1 without gaps.")
    at: datetime = Field(description="Time of the event, UTC.")
    kind: str = Field(description=f"What happened: {', '.join(f'`{kind}`' for kind in Kind)}.")
    subject: str = Field(description="Id of the grading, rubric or judge version, or name of what it is about.")
    actor: str = Field(description="Who did it: a key of the API, or a user and machine.")
    details: dict[str, Any] = Field(description="More about it: ids, hashes, states and numbers.")
    previous_hash: str = Field(description="SHA-256 of the event before; zeros for the first.")
    hash: str = Field(description="SHA-256 of all other fields.")

    @classmethod
    def from_event(cls, event: AuditEvent) -> AuditEventPublic:
        """Builds the public view of an event."""
        return cls.model_validate(event)


class AuditHead(BaseModel):
    """The newest event of the trail. Kept elsewhere, it shows later that events were removed or rewritten."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": 41, "head": _HEAD}]})
    id: int = Field(ge=0, description="Number of the newest event; 0 if there is none.")
    head: str = Field(description="Number and hash, joined by a colon, for `after` of the verification.")


class AuditVerification(BaseModel):
    """The result of checking a part of the trail."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "is_intact": True,
                    "problem": None,
                    "event": None,
                    "events": 41,
                    "reports": 17,
                    "head": _HEAD,
                    "is_complete": True,
                }
            ]
        }
    )
    is_intact: bool = Field(description="Whether no event and no report of the part was changed or removed.")
    problem: str | None = Field(description="The first problem in a sentence; null if there is none.")
    event: int | None = Field(ge=0, description="Number of the event that has the problem; null if it is no event's.")
    events: int = Field(ge=0, description="Number of events that were checked.")
    reports: int = Field(ge=0, description="Number of reports that are those which these events name.")
    head: str = Field(description="Head of the last event that was checked: send it as `after` for the next part.")
    is_complete: bool = Field(description="Whether no event follows the part, so that the trail is checked to its end.")

    @classmethod
    def from_checked(cls, checked: Checked) -> AuditVerification:
        """Builds the reply from the result of a check."""
        return cls(
            is_intact=checked.broken is None,
            problem=checked.broken.problem if checked.broken else None,
            event=checked.broken.event if checked.broken else None,
            events=checked.events,
            reports=checked.reports,
            head=str(checked.head),
            is_complete=checked.is_end,
        )
