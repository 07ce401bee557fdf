"""The one dependency that every route has: the key of the request must have the scope of the route."""

from __future__ import annotations

from typing import Annotated, cast

import anyio
from fastapi import Depends, Request

from ..access.caller import Caller
from ..access.keys import find_caller
from ..access.known_callers import KnownCallers
from ..access.rate_limits import RateLimits
from ..access.rules import ANY_KEY, CHECKS_AGAIN, OPEN_IN_DEVELOPMENT, PUBLIC, RULES
from ..access.scopes import Scope
from ..errors import InvalidKey, MissingScope
from ..settings import Settings
from ..storage import clock
from ..storage.engine import SessionFactory
from ..storage.repositories import ApiKeyRepository


async def authorize(request: Request) -> Caller | None:
    """Returns the caller of a route, None for a public one.

    Raises InvalidKey, MissingScope or TooManyRequests.
    """
    name = request.scope["route"].name
    rule = RULES[name]
    if rule is PUBLIC or (name in OPEN_IN_DEVELOPMENT and not _is_production(request)):
        return None
    caller = _recall(request) if name in CHECKS_AGAIN else None
    if caller is None:
        caller = await anyio.to_thread.run_sync(_admit, request)
    if rule is not ANY_KEY:
        assert isinstance(rule, Scope)
        if not caller.may(rule):
            raise MissingScope(
                f"The key {caller.key_id} has not the scope '{rule}', which this route needs: use a key that has it."
            )
    return caller


def _recall(request: Request) -> Caller | None:
    """Returns the caller of a request, which is counted, if its key was admitted a moment ago.

    Not for a request that may be a repetition: its stored reply is read before the key. Raises TooManyRequests.
    """
    limits: RateLimits = request.app.state.rate_limits
    # Redis is asked from a thread.
    if limits.is_shared or "idempotency-key" in request.headers:
        return None
    known: KnownCallers = request.app.state.known_callers
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    # What is no key is refused, and counted, by `_admit`.
    caller = known.find(text.strip()) if scheme.lower() == "bearer" else None
    if caller:
        _count(request, caller)
    return caller


def _is_production(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return settings.environment == "production"


def _admit(request: Request) -> Caller:
    """Returns the caller of a request, which is counted. Raises InvalidKey or TooManyRequests."""
    limits: RateLimits = request.app.state.rate_limits
    try:
        text = _read_bearer(request)
        caller = _find_caller(request.app.state.sessions, text)
    except InvalidKey:
        # Only failures: colleagues of a guesser may share its address.
        limits.count_failure(request.client.host if request.client else "unknown")
        raise
    request.app.state.known_callers.add(text, caller)
    _count(request, caller)
    return caller


def _count(request: Request, caller: Caller) -> None:
    limits: RateLimits = request.app.state.rate_limits
    request.state.caller = caller
    request.state.rate_limit_fields, refused = limits.count_request(caller)
    if refused:
        raise refused


def _read_bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise InvalidKey("The request has no key: send the header 'Authorization: Bearer KEY'.")
    return text.strip()


def _find_caller(sessions: SessionFactory, text: str) -> Caller:
    with sessions() as session:
        caller, is_due = find_caller(session, text)
    if is_due:
        sessions.run(lambda session: ApiKeyRepository(session).mark_used(caller.key_id, clock.now()))
    return caller


async def require_caller(request: Request) -> Caller:
    """Returns the caller that `authorize`, which runs before all other dependencies, has admitted."""
    return cast(Caller, request.state.caller)


async def get_own_sessions(request: Request) -> SessionFactory:
    """Returns sessions that see the rows of the caller's organisation only."""
    sessions: SessionFactory = request.app.state.sessions
    return sessions.of((await require_caller(request)).organisation_id)


async def _may_read_answer_key(request: Request) -> bool:
    return (await require_caller(request)).may(Scope.ANSWER_KEY_READ)


def _may_see_parts(request: Request) -> bool:
    """Whether a public route may say what only the operator should know. Raises InvalidKey or TooManyRequests."""
    if not _is_production(request):
        return True
    return "authorization" in request.headers and _admit(request).may(Scope.SERVICE_READ)


CallerDep = Annotated[Caller, Depends(require_caller)]
OwnSessionsDep = Annotated[SessionFactory, Depends(get_own_sessions)]
"""Sessions that see the rows of the caller's organisation only."""
ReadsKeyDep = Annotated[bool, Depends(_may_read_answer_key)]
"""Whether the caller may read the answer key."""
SeesPartsDep = Annotated[bool, Depends(_may_see_parts)]
"""Whether the caller may see the parts of the service: in production with `service:read` only."""
