"""Events, exports, webhooks and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .base import Model


class Event(Model):
    """An event; `sequence` counts the events of the organisation without gaps."""

    sequence: int
    kind: str
    at: datetime
    subject_id: str
    cohort_id: str | None
    data: dict[str, Any]


class EventsPage(Model):
    """Events after a number."""

    items: list[Event]
    next_after: int
    has_more: bool
    oldest_sequence: int
    newest_sequence: int


class Manifest(Model):
    """What an exported file holds."""

    schema_version: str
    rows: int
    answers: int
    bytes: int
    sha256: str
    snapshot_at: datetime
    sequence: int
    filters: dict[str, Any]


class Export(Model):
    """An export; `manifest` is None until it is `finished`."""

    id: str
    state: str
    error: str | None
    cohort_id: str | None
    format: str
    layout: str
    language: str
    columns: list[str] | None
    include_answers: bool
    include_answer_key: bool
    rows_total: int | None
    rows_done: int
    manifest: Manifest | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class DictionaryEntry(Model):
    """A column of an exported file."""

    heading: str
    name: str
    key: str
    question_id: str | None
    criterion: int | None
    group: str
    type: str
    editable: bool
    description: str


class Dictionary(Model):
    """What each column of an exported file means."""

    export_id: str
    schema_version: str
    columns: list[DictionaryEntry]


class Webhook(Model):
    """A receiver of messages."""

    id: str
    url: str
    description: str | None
    kinds: list[str] | None
    state: str
    disabled_reason: str | None
    failing_since: datetime | None
    position: int
    overlap_until: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(Model):
    """A webhook and the secret of its signatures, which is shown this once."""

    webhook: Webhook
    secret: str


class Delivery(Model):
    """One message to one receiver."""

    id: str
    message_id: str
    sequence: int
    kind: str
    state: str
    attempt: int
    next_at: datetime | None
    status_code: int | None
    error: str | None
    created_at: datetime
    updated_at: datetime


class Replay(Model):
    """Where the sending begins again."""

    after: int


class Organisation(Model):
    """Who owns a key."""

    id: str
    name: str | None
    created_at: datetime


class Key(Model):
    """A key without its text."""

    id: str
    name: str
    role: str
    scopes: list[str]
    state: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None


class Me(Model):
    """Whose key this is."""

    organisation: Organisation
    key: Key
