"""The one dependency that every route has: the key of the request must have the scope of the route."""

from __future__ import annotations

from typing import Annotated, cast

import anyio
from fastapi import Depends, Request

from ..access.caller import Caller
from ..access.keys import find_caller
from ..access.rules import PUBLIC, RULES
from ..access.scopes import Scope
from ..errors import InvalidKey, MissingScope
from ..storage import clock
from ..storage.engine import SessionFactory
from ..storage.repositories import ApiKeyRepository


async def authorize(request: Request) -> Caller | None:
    """Returns the caller of a route, None for a public one. Raises InvalidKey or MissingScope."""
    rule = RULES[request.scope["route"].name]
    if rule is PUBLIC:
        return None
    text = _read_bearer(request)
    sessions: SessionFactory = request.app.state.sessions
    caller = await anyio.to_thread.run_sync(_find_caller, sessions, text)
    assert isinstance(rule, Scope)
    if not caller.may(rule):
        raise MissingScope(
            f"The key {caller.key_id} has not the scope '{rule}', which this route needs: use a key that has it."
        )
    request.state.caller = caller
    return caller


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


def _require_caller(caller: Annotated[Caller | None, Depends(authorize)]) -> Caller:
    return cast(Caller, caller)


def _get_own_sessions(request: Request, caller: Annotated[Caller, Depends(_require_caller)]) -> SessionFactory:
    sessions: SessionFactory = request.app.state.sessions
    return sessions.of(caller.organisation_id)


def _may_read_answer_key(caller: Annotated[Caller, Depends(_require_caller)]) -> bool:
    return caller.may(Scope.ANSWER_KEY_READ)


CallerDep = Annotated[Caller, Depends(_require_caller)]
OwnSessionsDep = Annotated[SessionFactory, Depends(_get_own_sessions)]
"""Sessions that see the rows of the caller's organisation only."""
ReadsKeyDep = Annotated[bool, Depends(_may_read_answer_key)]
"""Whether the caller may read the answer key."""
