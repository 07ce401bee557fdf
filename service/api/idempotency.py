"""Idempotency keys of requests: a route runs its change through `OnceDep`, and a repetition gets the stored reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from ..idempotency import KeyUse, add_key, find_earlier_use, hash_request
from .authorization import CallerDep, OwnSessionsDep

IdempotencyKeyDep = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="A text of your choice, new for each request. Sent again with the same request within seven days "
        "(`VIVA_IDEMPOTENCY_DAYS`), it gets the reply of the first.",
    ),
]
# Long enough for a restart of the database.
_PATIENCE_SECONDS = 10.0
Reply = TypeVar("Reply", bound=BaseModel)


class Once:
    """One request that changes something; `run` carries it out, or finds that it was carried out before."""

    def __init__(
        self,
        request: Request,
        response: Response,
        sessions: OwnSessionsDep,
        caller: CallerDep,
        idempotency_key: IdempotencyKeyDep = None,
    ) -> None:
        self._request, self._response, self._sessions = request, response, sessions
        self._organisation_id = caller.organisation_id
        self._key = idempotency_key
        self.is_replayed = False
        """Whether the reply is that of an earlier request."""

    def run(
        self,
        work: Callable[[Session], Reply],
        *,
        reply_type: type[Reply],
        body: BaseModel | Mapping[str, Any] | None = None,
        request_hash: str | None = None,
        location: Callable[[Reply], str] | None = None,
    ) -> Reply:
        """Returns the reply that `work` makes in a transaction, or the stored one; sets `Location` on it.

        `work` may run twice if the reply to a commit was lost, so ids are chosen outside of it. `body` is what the
        caller sent, `request_hash` replaces the hash over address and body. A reply with a secret must not come by
        here, as it is stored.
        """
        use = self._describe_use(body, request_hash)
        attempts = 0

        def run_once(session: Session) -> Reply:
            nonlocal attempts
            attempts += 1
            if use and (found := find_earlier_use(session, use)) and found.reply is not None:
                # A commit of this very request may have succeeded without a reply.
                self.is_replayed = attempts == 1
                return reply_type.model_validate(found.reply)
            reply = work(session)
            if use:
                add_key(session, use, reply=reply.model_dump(mode="json"))
            return reply

        reply = self._sessions.run(run_once, patience_seconds=_PATIENCE_SECONDS)
        if self.is_replayed:
            self._response.headers["Idempotent-Replayed"] = "true"
        if location:
            self._response.headers["Location"] = location(reply)
        return reply

    def _describe_use(self, body: BaseModel | Mapping[str, Any] | None, request_hash: str | None) -> KeyUse | None:
        if not self._key:
            return None
        request = self._request
        sent = {
            "path": request.url.path,
            "query": sorted(request.query_params.multi_items()),
            "body": hash_body(body) if body else None,
        }
        route = f"{request.method} {request.scope['route'].path}"
        return KeyUse(self._key, route, request_hash or hash_request(sent), self._organisation_id)


def hash_body(body: BaseModel | Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a body as it was read; a field of a model with its default counts as one left out."""
    fields = json.loads(body.model_dump_json(exclude_defaults=True)) if isinstance(body, BaseModel) else body
    return hash_request(fields)


OnceDep = Annotated[Once, Depends()]
