"""Routes for events and webhooks."""

from . import deliveries, reading, webhooks

ROUTERS = (reading.router, webhooks.router, deliveries.router)
