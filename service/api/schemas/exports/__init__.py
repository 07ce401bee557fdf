"""Bodies of requests and replies about exports, and edited grades that come back."""
