"""Routes for reading the event log: a page, a long poll, and a stream of server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Annotated
from urllib.parse import urlencode

import anyio
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from ....errors import InvalidCursor
from ....events.reading import EventBatch, EventFilter, read_events
from ....storage.engine import SessionFactory
from ...authorization import OwnSessionsDep
from ...dependencies import SettingsDep, refuse_unknown_parameters
from ...documents.openapi import problem_replies
from ...event_filters import MAX_SEQUENCE, AfterQuery, EventFilterDep
from ...paging import DEFAULT_PAGE
from ...schemas.events.reading import EventPublic, EventsPublic
from ...streams import EVENTS_AT_ONCE, EventWatcherDep, Stream, StreamOpenerDep

router = APIRouter(prefix="/v1/events", tags=["events"], dependencies=[Depends(refuse_unknown_parameters)])
_RETRY_MILLISECONDS = 1000


@router.get("", summary="List events", responses=problem_replies(400, 410))
async def list_events(
    request: Request,
    response: Response,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    watcher: EventWatcherDep,
    wanted: EventFilterDep,
    after: AfterQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Events in the reply.")] = DEFAULT_PAGE,
    wait: Annotated[
        float,
        Query(
            ge=0, description="Seconds to wait for an event if there is none yet; at most 60 (`VIVA_MAX_WAIT_SECONDS`)."
        ),
    ] = 0.0,
) -> EventsPublic:
    """Returns the events after a number, in the order in which the changes were committed.

    Numbers have no gaps, and an event never appears before one with a smaller number. Events are kept for 30 days
    (`VIVA_EVENT_DAYS`); `after` before that gives 410.
    """
    batch = await _read_batch(sessions, wanted, after, limit)
    deadline = anyio.current_time() + min(wait, settings.max_wait_seconds)
    while not batch.events and (seconds := deadline - anyio.current_time()) > 0 and not watcher.is_stopping():
        await watcher.wait(wanted.organisation_id, batch.position, seconds=seconds)
        batch = await _read_batch(sessions, wanted, batch.position, limit)
    if batch.has_more:
        parameters = {**dict(request.query_params), "after": batch.position}
        response.headers["Link"] = f'<{request.url.path}?{urlencode(parameters)}>; rel="next"'
    return EventsPublic.from_batch(batch)


async def _read_batch(sessions: SessionFactory, wanted: EventFilter, after: int | None, limit: int) -> EventBatch:
    def read() -> EventBatch:
        with sessions() as session:
            return read_events(session, wanted, after, limit=limit)

    return await run_in_threadpool(read)


def _read_last_event_id(
    after: AfterQuery = None,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="`id` of the last event that you have, as browsers send.")
    ] = None,
) -> int | None:
    """Returns the number to resume after; what a reader has seen last counts, `after` is where it began."""
    if last_event_id is None or last_event_id == "":
        return after
    is_number = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 10
    if not is_number or int(last_event_id) > MAX_SEQUENCE:
        raise InvalidCursor("Last-Event-ID is no number of an event: send the id of the last event that you have.")
    return int(last_event_id)


async def _begin_stream(
    sessions: OwnSessionsDep,
    wanted: EventFilterDep,
    opener: StreamOpenerDep,
    after: Annotated[int | None, Depends(_read_last_event_id)],
) -> tuple[Stream, EventBatch]:
    """Opens a stream and reads its first events: what is wrong is said before the stream begins."""
    batch = await _read_batch(sessions, wanted, after, EVENTS_AT_ONCE)
    return opener.open(), batch


@router.get(
    "/stream",
    summary="Stream events",
    response_class=EventSourceResponse,
    responses=problem_replies(400, 410),
)
async def stream_events(
    sessions: OwnSessionsDep,
    wanted: EventFilterDep,
    begun: Annotated[tuple[Stream, EventBatch], Depends(_begin_stream)],
) -> AsyncIterable[EventPublic]:
    """Sends events as they come, as server-sent events: `id` is the number, `data` the event as JSON.

    Resume with the header `Last-Event-ID`, as browsers do of themselves, or with `after`. The stream ends after 15
    minutes (`VIVA_STREAM_SECONDS`) and when the service stops: resume then. A key may have ten streams open.
    """
    stream, batch = begun
    # Sent at once, so that a reader knows that the stream is open.
    yield ServerSentEvent(retry=_RETRY_MILLISECONDS, comment="open")  # type: ignore[misc]
    while True:
        for event in batch.events:
            yield ServerSentEvent(id=str(event.sequence), data=EventPublic.from_event(event))  # type: ignore[misc]
        if not batch.has_more:
            # An id without data moves on a reader whose filters left events out.
            yield ServerSentEvent(id=str(batch.position))  # type: ignore[misc]
            await stream.wait(batch.position)
        if stream.is_over:
            return
        batch = await _read_batch(sessions, wanted, batch.position, EVENTS_AT_ONCE)
