"""Routes for keys, judges, the audit trail and the state of the service."""
