"""Messages of webhooks: the body of an event, and the headers that sign it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from vivavoce import __version__

from ..storage.tables import Event


def name_message(endpoint_id: str, sequence: int) -> str:
    """Returns the id of an event's message to an endpoint: the same for every try, replays included."""
    return f"msg_{endpoint_id}_{sequence}"


def write_body(event: Event) -> str:
    """Returns the body of an event's message: the same for every try."""
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = {"type": event.kind, "timestamp": at, "data": {**event.data, "id": event.subject_id}}
    return json.dumps({**body, "sequence": event.sequence}, ensure_ascii=False)


def sign(message_id: str, body: str, secrets: Sequence[str], moment: datetime) -> dict[str, str]:
    """Returns the headers of a message that is sent at a moment, with a signature for each secret."""
    # `Webhook.sign` takes any other zone for UTC.
    moment = moment.astimezone(UTC).replace(microsecond=0)
    signatures = [Webhook(secret).sign(message_id, moment, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"vivavoce/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
