"""Webhooks by the Standard Webhooks specification: endpoints, their secrets, and the way of an event to them."""
