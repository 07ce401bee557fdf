"""Observability: metrics, logs, traces, and the middleware that feeds them."""
