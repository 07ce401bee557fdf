"""A try of a message to any address."""

from __future__ import annotations

from vivavoce.service.webhooks.deliveries import Attempt

SECRET = "whsec_" + "QUFB" * 8


def make_attempt(url: str) -> Attempt:
    """A claimed try."""
    return Attempt("delivery", "endpoint", "token", url, [SECRET], "msg_endpoint_1", '{"type": "ping"}')
