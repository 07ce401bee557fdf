"""The route for reading the results of a cohort as they land: a page, a long poll, or a stream of lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from ....cohorts.results import ResultBatch, read_results
from ....lookup import get_own
from ....storage.engine import SessionFactory
from ....storage.repositories import EventRepository
from ....storage.tables import Cohort
from ...authorization import CallerDep, OwnSessionsDep, ReadsKeyDep
from ...dependencies import SettingsDep, refuse_unknown_parameters
from ...event_filters import MAX_SEQUENCE
from ...paging import DEFAULT_PAGE
from ...schemas.cohorts.results import ResultProgress, ResultPublic, ResultsPublic
from ...streams import EVENTS_AT_ONCE, EventWatcherDep, Stream, StreamOpenerDep

router = APIRouter(prefix="/v1/cohorts", tags=["results"], dependencies=[Depends(refuse_unknown_parameters)])
_LINES = "application/x-ndjson"
_STREAM_REPLY: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {_LINES: {"schema": {"type": "string", "description": "A JSON object a line."}}},
        "headers": {"Link": {"description": "The next page.", "schema": {"type": "string"}}},
    }
}


class _Reader:
    """Reads the results of a cohort, and shows them as the caller may see them."""

    def __init__(self, sessions: SessionFactory, cohort_id: str, *, with_report: bool, reads_key: bool) -> None:
        self._sessions, self._cohort_id = sessions, cohort_id
        self._show = partial(ResultPublic.from_result, with_report=with_report, reads_key=reads_key)

    async def read(self, after: int, limit: int) -> tuple[ResultBatch, list[ResultPublic], int]:
        """Returns results after a number, and the newest event that was there before they were read."""
        return await run_in_threadpool(self._read, after, limit)

    def _read(self, after: int, limit: int) -> tuple[ResultBatch, list[ResultPublic], int]:
        with self._sessions() as session:
            cohort = get_own(session, Cohort, self._cohort_id, name="cohort")
            newest = EventRepository(session).last_sequence(cohort.organisation_id)
            batch = read_results(session, cohort, after, limit=limit)
            return batch, [self._show(result) for result in batch.results], newest


@router.get(
    "/{cohort_id}/results",
    summary="Read results as they land",
    response_model=ResultsPublic,
    responses=_STREAM_REPLY,
)
async def list_results(
    cohort_id: Annotated[str, Path(description="Id of the cohort.")],
    request: Request,
    response: Response,
    sessions: OwnSessionsDep,
    settings: SettingsDep,
    caller: CallerDep,
    reads_key: ReadsKeyDep,
    watcher: EventWatcherDep,
    opener: StreamOpenerDep,
    accept: Annotated[str, Header(description=f"`{_LINES}` for a stream of lines.")] = "*/*",
    after: Annotated[
        int, Query(ge=0, le=MAX_SEQUENCE, description="`sequence` of the last result that you have; 0 for all.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=200, description="Results in a page.")] = DEFAULT_PAGE,
    wait: Annotated[
        float,
        Query(ge=0, description="Seconds to wait for a result if there is none; at most 60 (`VIVA_MAX_WAIT_SECONDS`)."),
    ] = 0.0,
    stream: Annotated[
        bool, Query(description="Whether to send a stream of lines, as the header `Accept` does.")
    ] = False,
    include: Annotated[Literal["report"] | None, Query(description="`report` for the whole report of each.")] = None,
) -> ResultsPublic | Response:
    """Returns the results of a cohort in the order in which they landed, each as soon as it is committed.

    A result that changes, by grading anew or by a person, moves to a new place, so that reading on shows it again. The
    stream follows the cohort until it has ended and every result is sent. Its last line has the type `end`; without
    one it was cut off. Resume it with the `sequence` of the last line as `after`.
    """
    reader = _Reader(sessions, cohort_id, with_report=include == "report", reads_key=reads_key)
    batch, shown, newest = await reader.read(after, EVENTS_AT_ONCE if stream else limit)
    if stream or _LINES in accept:
        lines = _write_lines(reader, opener.open(), (batch, shown, newest))
        return StreamingResponse(lines, media_type=_LINES, headers={"X-Accel-Buffering": "no"})
    deadline = anyio.current_time() + min(wait, settings.max_wait_seconds)
    while not shown and not batch.is_complete and not watcher.is_stopping():
        if (seconds := deadline - anyio.current_time()) <= 0:
            break
        await watcher.wait(caller.organisation_id, newest, seconds=seconds)
        batch, shown, newest = await reader.read(after, limit)
    if batch.has_more:
        url = request.url.include_query_params(after=batch.position)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return ResultsPublic(
        items=shown,
        next_after=batch.position,
        has_more=batch.has_more,
        cohort_state=batch.state,
        is_complete=batch.is_complete,
    )


async def _write_lines(
    reader: _Reader, stream: Stream, first: tuple[ResultBatch, list[ResultPublic], int]
) -> AsyncIterator[str]:
    batch, shown, newest = first
    is_quiet = True
    while True:
        for result in shown:
            yield f"{result.model_dump_json()}\n"
        if batch.is_complete or stream.is_over:
            yield _write_progress("end", batch)
            return
        if not shown and is_quiet:
            yield _write_progress("wait", batch)
        if not batch.has_more:
            is_quiet = await stream.wait(newest)
        batch, shown, newest = await reader.read(batch.position, EVENTS_AT_ONCE)


def _write_progress(kind: Literal["wait", "end"], batch: ResultBatch) -> str:
    progress = ResultProgress(
        type=kind, sequence=batch.position, cohort_state=batch.state, is_complete=batch.is_complete
    )
    return f"{progress.model_dump_json()}\n"
