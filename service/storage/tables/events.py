"""The tables of events, of the results that they announced, and of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, OrganisationRow, UtcDateTime, new_id


class Event(OrganisationRow, Base):
    """A change that callers are told of. `sequence` counts an organisation's events in the order of their commits.

    `data` has ids and states, never the text of an answer or a name. See events/log.py.
    """

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_cohort", "organisation_id", "cohort_id", "sequence"), Index("ix_event_at", "at"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(64))
    cohort_id: Mapped[str | None] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class CohortResult(OrganisationRow, Base):
    """Where the result of a grading stands among those of its cohort: the sequence of the newest event about it.

    Events are deleted after a time, so the results of a cohort are read from here.
    """

    __tablename__ = "cohort_result"
    __table_args__ = (Index("ix_cohort_result_cohort", "cohort_id", "sequence"),)
    # Without foreign keys, which every commit of a worker would have to check.
    grading_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    cohort_id: Mapped[str] = mapped_column(String(32))
    sequence: Mapped[int]


class WebhookEndpoint(OrganisationRow, Base):
    """An address that events are sent to. `position` is the sequence up to which events were taken for it.

    `secrets` has what its one or two signing keys are derived from, the newest first: see webhooks/secrets.py. An
    endpoint is disabled after five days of failure, with the reason in `disabled_reason`. `revision` counts edits by
    callers, for ETags.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (Index("ix_webhook_endpoint_organisation", "organisation_id", "created_at"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str | None] = mapped_column(String(200))
    kinds: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    secrets: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    state: Mapped[Literal["enabled", "disabled"]] = mapped_column(String(16))
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    position: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WebhookDelivery(OrganisationRow, Base):
    """An event on its way to an endpoint, and what became of the last try.

    `lease_owner` names the claim of a sender that is trying now; until `next_at` no other tries. `attempt` counts tries
    that ended.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "sequence", name="uq_webhook_delivery_event"),
        Index("ix_webhook_delivery_due", "state", "next_at"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoint.id"))
    sequence: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40))
    state: Mapped[Literal["pending", "delivered", "failed"]] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    status_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
