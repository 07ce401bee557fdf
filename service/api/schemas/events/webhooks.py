"""The bodies of requests and replies about webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ....events.kinds import expand_kinds, list_names
from ....events.log import EventKind
from ....storage.tables import WebhookDelivery, WebhookEndpoint
from ....times import Time
from ....webhooks.messages import name_message
from ....webhooks.secrets import read_overlap_end
from ...event_filters import MAX_SEQUENCE
from ..common import READ_WHOLE, RequestBody

_URL = "https://example.com/vivavoce"


def _check_kinds(kinds: list[str]) -> list[str]:
    expand_kinds(kinds)
    return kinds


_Kind = Annotated[str, Field(json_schema_extra={"enum": list_names()})]
Kinds = Annotated[list[_Kind], Field(min_length=1, max_length=50), AfterValidator(_check_kinds)]


class WebhookCreate(RequestBody):
    """An address that events are to be sent to."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": _URL, "kinds": ["grading.*", "cohort.finished"]}]},
    )

    url: str = Field(description="The address, which must begin with `https:` and be public.")
    description: str | None = Field(default=None, max_length=200, description="Your own note, at most 200 characters.")
    kinds: Kinds | None = Field(
        default=None, description="Kinds of events, such as `cohort.finished` or `grading.*`; null for all."
    )


class WebhookEdit(RequestBody):
    """What changes of a webhook; a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kinds": ["cohort.*"]}]})

    url: str | None = Field(default=None, description="The address; null or left out for the same.")
    description: str | None = Field(default=None, max_length=200, description="Your own note; null for none.")
    kinds: Kinds | None = Field(default=None, description="Kinds of events; null for all.")


class WebhookPublic(BaseModel):
    """A webhook, without its secret."""

    id: str = Field(description="Id of the webhook.")
    url: str = Field(description="The address.")
    description: str | None = Field(description="Your own note.")
    kinds: list[str] | None = Field(description="Kinds of events that it gets; null for all.")
    state: Literal["enabled", "disabled"] = Field(description="Nothing is sent while it is `disabled`.")
    disabled_reason: str | None = Field(description="Why it is disabled, in a sentence.")
    failing_since: datetime | None = Field(
        description="Since when every try has failed, UTC; null if the last arrived. After five days it is disabled."
    )
    position: int = Field(ge=0, description="Number of the last event that was taken for it.")
    overlap_until: datetime | None = Field(
        description="Until when the secret before the present one signs too, UTC; null if only one signs."
    )
    created_at: datetime = Field(description="When it was created, UTC.")
    updated_at: datetime = Field(description="When it was last changed, UTC.")

    @classmethod
    def from_endpoint(cls, endpoint: WebhookEndpoint) -> Self:
        """Builds the public view of an endpoint."""
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            description=endpoint.description,
            kinds=endpoint.kinds,
            state=endpoint.state,
            disabled_reason=endpoint.disabled_reason,
            failing_since=endpoint.failing_since,
            position=endpoint.position,
            overlap_until=read_overlap_end(endpoint),
            created_at=endpoint.created_at,
            updated_at=endpoint.updated_at,
        )


class WebhookWithSecret(BaseModel):
    """A webhook with its new secret, which no other reply has."""

    webhook: WebhookPublic = Field(description="The webhook.")
    secret: str = Field(description="The secret that signs its messages, `whsec_…`: store it now.")


class SecretRotation(RequestBody):
    """How a secret is replaced."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: float = Field(
        default=24.0, ge=0, le=168, description="Hours for which the present secret signs too, 0 to 168."
    )


class WebhookEnable(RequestBody):
    """How a webhook goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"replay": True}]})

    replay: bool = Field(
        default=True, description="Whether to send what it missed; if not, only what comes from now on."
    )


class WebhookReplay(RequestBody):
    """From where on missed events are sent: `after` or `since`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["after"], "properties": {"after": {"type": "integer"}}},
                {"required": ["since"], "properties": {"since": {"type": "string"}}},
            ],
            "examples": [{"since": "2027-03-01T00:00:00Z"}],
        },
    )

    after: Annotated[int, Field(ge=0, le=MAX_SEQUENCE), READ_WHOLE] | None = Field(
        default=None, description="Number of the last event not to send."
    )
    since: Time | None = Field(default=None, description="Time from which on, ISO 8601 with a zone.")

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.after is None) == (self.since is None):
            raise ValueError("give either 'after' or 'since'.")
        return self


class ReplayPublic(BaseModel):
    """What a replay sends."""

    after: int = Field(ge=0, description="Events after this number that have not arrived are sent.")


class DeliveryPublic(BaseModel):
    """An event on its way to a webhook."""

    id: str = Field(description="Id of the delivery.")
    message_id: str = Field(description="The header `webhook-id` of all its tries.")
    sequence: int = Field(ge=1, description="Number of the event.")
    kind: EventKind = Field(description="Kind of the event.")
    state: Literal["pending", "delivered", "failed"] = Field(
        description="`pending`: to be tried; `delivered`: answered with 2xx; `failed`: no further try."
    )
    attempt: int = Field(ge=0, description="Number of tries that have ended, at most 8.")
    next_at: datetime | None = Field(description="When the next try is due, UTC; null if there is none.")
    status_code: int | None = Field(ge=100, le=599, description="HTTP status of the last answer; null without one.")
    error: str | None = Field(description="Why the last try failed; null if it did not.")
    created_at: datetime = Field(description="When the event was taken for the webhook, UTC.")
    updated_at: datetime = Field(description="When the last try ended, UTC.")

    @classmethod
    def from_delivery(cls, delivery: WebhookDelivery) -> Self:
        """Builds the public view of a delivery."""
        return cls(
            id=delivery.id,
            message_id=name_message(delivery.endpoint_id, delivery.sequence),
            sequence=delivery.sequence,
            kind=EventKind(delivery.kind),
            state=delivery.state,
            attempt=delivery.attempt,
            next_at=delivery.next_at,
            status_code=delivery.status_code,
            error=delivery.error,
            created_at=delivery.created_at,
            updated_at=delivery.updated_at,
        )
