"""Messages of webhooks, checked before they are believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic
from standardwebhooks import Webhook as _Signer
from standardwebhooks import WebhookVerificationError

from .errors import InvalidSignature
from .models.base import Model


class WebhookMessage(Model):
    """A message: `type` is the kind of the event, `data` has ids and states, `sequence` restores the order.

    `id` is the same when a message arrives twice.
    """

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]
    sequence: int


def read_webhook_message(body: bytes | str, headers: Mapping[str, str], secret: str) -> WebhookMessage:
    """Returns a message whose signature is right; `body` is as it was received. Raises InvalidSignature."""
    names = {name.lower(): value for name, value in headers.items()}
    try:
        message = _Signer(secret).verify(body if isinstance(body, str) else body.decode(), names)
        return WebhookMessage.model_validate({"id": names["webhook-id"], **message})
    except (WebhookVerificationError, pydantic.ValidationError, ValueError, TypeError) as error:
        raise InvalidSignature(
            "The message is not from the service, too old, or was changed: do not use it."
        ) from error
