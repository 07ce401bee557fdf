"""Routes for events and webhooks."""
