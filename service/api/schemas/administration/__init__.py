"""Bodies of requests and replies about keys, judges, the audit trail and the state of the service."""
