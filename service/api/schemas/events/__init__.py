"""Bodies of requests and replies about events and webhooks."""
