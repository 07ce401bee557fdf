from __future__ import annotations

import pytest

from vivavoce.client import Client, InvalidRequest


def test_a_webhook_is_made_edited_and_deleted(client: Client) -> None:
    made = client.webhooks.create("https://93.184.215.14/hook", kinds=["cohort.*"])
    assert made.secret.startswith("whsec_")
    read = client.webhooks.read(made.webhook.id)
    assert read.etag
    changed = client.webhooks.update(read.id, {"description": "the ATS"}, if_match=read.etag)
    assert changed.description == "the ATS"
    rotated = client.webhooks.rotate_secret(read.id, if_match="*", overlap_hours=1)
    assert rotated.secret != made.secret
    assert client.webhooks.disable(read.id).state == "disabled"
    assert list(client.webhooks.list_deliveries(read.id)) == []
    client.webhooks.delete(read.id)
    assert read.id not in {webhook.id for webhook in client.webhooks.list()}


def test_an_address_that_is_not_public_is_refused(client: Client) -> None:
    with pytest.raises(InvalidRequest):
        client.webhooks.create("https://127.0.0.1/hook")
