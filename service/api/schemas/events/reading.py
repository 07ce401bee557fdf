"""The bodies of replies about events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ....events.log import EventKind
from ....events.reading import EventBatch
from ....storage.tables import Event

_EXAMPLE: dict[str, JsonValue] = {
    "sequence": 812,
    "kind": "grading.graded",
    "at": "2027-03-01T09:30:00Z",
    "subject_id": "5f0c4b1a9d6e4f3c8b7a6d5e4f3c2b1a",
    "cohort_id": None,
    "data": {"grading_id": "5f0c4b1a9d6e4f3c8b7a6d5e4f3c2b1a", "cohort_id": None, "reason": None},
}


class EventPublic(BaseModel):
    """A change: ids and states only, never the text of an answer or a name."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    sequence: int = Field(ge=1, description="Number of the event; your organisation's count up without gaps.")
    kind: EventKind = Field(description="What happened.")
    at: datetime = Field(description="When it happened, UTC; events of one moment may be out of order by it.")
    subject_id: str = Field(description="Id of what it happened to: of a grading for `grading.…`, and so on.")
    cohort_id: str | None = Field(description="Id of the cohort that it belongs to; null if there is none.")
    data: dict[str, Any] = Field(description="Further ids and states.")

    @classmethod
    def from_event(cls, event: Event) -> Self:
        """Builds the public view of an event."""
        return cls(
            sequence=event.sequence,
            kind=EventKind(event.kind),
            at=event.at,
            subject_id=event.subject_id,
            cohort_id=event.cohort_id,
            data=event.data,
        )


class EventsPublic(BaseModel):
    """Events in the order of their numbers."""

    items: list[EventPublic] = Field(description="The events.")
    next_after: int = Field(
        ge=0, description="Send it as `after` for what follows; it also counts events that your filters left out."
    )
    has_more: bool = Field(description="Whether more is there already; if not, `wait` waits for it.")
    oldest_sequence: int = Field(ge=0, description="Number of the oldest event that is kept; 0 if there is none.")
    newest_sequence: int = Field(ge=0, description="Number of the newest event; 0 if there is none.")

    @classmethod
    def from_batch(cls, batch: EventBatch) -> Self:
        """Builds the reply with a batch of events."""
        return cls(
            items=[EventPublic.from_event(event) for event in batch.events],
            next_after=batch.position,
            has_more=batch.has_more,
            oldest_sequence=batch.oldest,
            newest_sequence=batch.newest,
        )
