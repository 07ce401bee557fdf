"""Routes for the deliveries of webhooks: which event arrived, and which did not."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from ....errors import NotFound
from ....lookup import get_own
from ....storage.repositories import DeliveryRepository
from ....storage.tables import WebhookDelivery, WebhookEndpoint
from ...authorization import OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...paging import Page, PagingDep
from ...schemas.events.webhooks import DeliveryPublic

router = APIRouter(
    prefix="/v1/webhooks/{webhook_id}/deliveries",
    tags=["webhooks"],
    dependencies=[Depends(refuse_unknown_parameters)],
)
_WebhookId = Annotated[str, Path(description="Id of the webhook.")]


@router.get("", summary="List deliveries of a webhook")
def list_deliveries(
    webhook_id: _WebhookId,
    sessions: OwnSessionsDep,
    paging: PagingDep,
    state: Annotated[
        Literal["pending", "delivered", "failed"] | None, Query(description="Deliveries in this state only.")
    ] = None,
) -> Page[DeliveryPublic]:
    """Returns the deliveries of a webhook, those of the newest events first, for as long as events are kept."""
    query = paging.read(state=state)
    with sessions() as session:
        endpoint = get_own(session, WebhookEndpoint, webhook_id, name="webhook")
        found = DeliveryRepository(session).newest(
            endpoint.id,
            state=query.filters["state"],
            limit=query.limit + 1,
            before=query.after[0] if query.after else None,
        )
    shown = found[: query.limit]
    last = [shown[-1].sequence] if len(found) > query.limit else None
    return paging.write([DeliveryPublic.from_delivery(delivery) for delivery in shown], last=last)


@router.get("/{delivery_id}", summary="Read a delivery")
def read_delivery(
    webhook_id: _WebhookId,
    delivery_id: Annotated[str, Path(description="Id of the delivery.")],
    sessions: OwnSessionsDep,
) -> DeliveryPublic:
    """Returns a delivery and what became of its last try."""
    with sessions() as session:
        delivery = get_own(session, WebhookDelivery, delivery_id, name="delivery")
    if delivery.endpoint_id != webhook_id:
        raise NotFound(f"There is no delivery '{delivery_id[:64]}' of this webhook: check both ids.")
    return DeliveryPublic.from_delivery(delivery)
