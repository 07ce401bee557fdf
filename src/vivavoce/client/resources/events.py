"""The event log."""

from __future__ import annotations

from collections.abc import Sequence

from ..http.following import KEEP_ALIVE_SECONDS, EventMessages, follow
from ..http.operations import R, Resource, iteration, request
from ..http.requests import Emit, Items, Request, call, parse, read_as, read_nothing, without_none
from ..models.events import Event, EventsPage

_AT_ONCE = 1000


class Events(Resource[R]):
    """`client.events`."""

    @iteration
    def list(
        self, *, after: int | None = None, kinds: Sequence[str] = (), cohort_id: str | None = None
    ) -> Items[Event]:
        """Gives the events that are there after a number, or all that are kept; `grading.*` stands for many kinds."""
        while True:
            page = yield from call(_read(after, kinds, cohort_id, limit=_AT_ONCE))
            for event in page.items:
                yield Emit(event)
            if not page.has_more:
                return
            after = page.next_after

    @iteration
    def follow(
        self, *, after: int | None = None, kinds: Sequence[str] = (), cohort_id: str | None = None
    ) -> Items[Event]:
        """Gives events as they come, without end; a broken connection is resumed.

        None is missing and none comes twice. Store the last `sequence` to go on from it in another process. Raises
        InvalidRequest with the code `events_gone` if events after that number are no longer kept.
        """

        def request_after(position: int | None) -> Request[None]:
            return Request(
                method="GET",
                path="/v1/events/stream",
                parameters=without_none(kinds=",".join(kinds) or None, cohort_id=cohort_id),
                headers={
                    "Accept": "text/event-stream",
                    **({} if position is None else {"Last-Event-ID": str(position)}),
                },
                wait_seconds=KEEP_ALIVE_SECONDS,
                read=read_nothing,
            )

        return follow(EventMessages(_parse, after), request_after, as_events=True)

    @request
    def read_page(
        self,
        *,
        after: int | None = None,
        kinds: Sequence[str] = (),
        cohort_id: str | None = None,
        limit: int | None = None,
        wait: float = 0.0,
    ) -> Request[EventsPage]:
        """Returns one page of events; waits up to `wait` seconds (at most 60) if there is none."""
        return _read(after, kinds, cohort_id, limit=limit, wait=wait)


def _read(
    after: int | None, kinds: Sequence[str], cohort_id: str | None, *, limit: int | None, wait: float = 0.0
) -> Request[EventsPage]:
    return Request(
        method="GET",
        path="/v1/events",
        parameters=without_none(
            after=after, kinds=",".join(kinds) or None, cohort_id=cohort_id, limit=limit, wait=wait or None
        ),
        wait_seconds=wait,
        read=read_as(EventsPage),
    )


def _parse(data: str) -> Event:
    return parse(Event, data)
