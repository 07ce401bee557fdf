"""Clients of judge servers: HTTP with retries, and a cache in front of it."""
