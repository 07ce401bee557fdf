"""Routes for keys, judges, the audit trail and the state of the service."""

from . import audit, health, judges, keys

ROUTERS = (keys.router, judges.router, audit.router, health.router)
