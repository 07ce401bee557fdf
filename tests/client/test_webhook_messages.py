from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from vivavoce.client import InvalidSignature, read_webhook_message

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json.dumps(
    {"type": "grading.graded", "timestamp": "2027-03-01T09:30:00Z", "data": {"id": "5f"}, "sequence": 812}
)


def sign(body: str = BODY, *, age_minutes: float = 0, secret: str = SECRET) -> dict[str, str]:
    moment = datetime.now(UTC) - timedelta(minutes=age_minutes)
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(moment.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", moment, body),
    }


def test_a_signed_message_is_read() -> None:
    message = read_webhook_message(BODY.encode(), sign(), SECRET)
    assert (message.id, message.type, message.data, message.sequence) == ("msg_1", "grading.graded", {"id": "5f"}, 812)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY.replace("5f", "6f").encode(), sign()),
        (BODY.encode(), sign(age_minutes=10)),
        (BODY.encode(), sign(secret="whsec_" + "A" * 32)),
        (BODY.encode(), {}),
        (b"\xff", sign()),
        (b"[1]", sign("[1]")),
        (b"not json", sign("not json")),
    ],
)
def test_everything_else_is_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature, match="do not use it"):
        read_webhook_message(body, headers, SECRET)
