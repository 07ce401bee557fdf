"""Results of a cohort: as they land, by candidate, and what else is known about its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..http.following import KEEP_ALIVE_SECONDS, LineMessages, follow
from ..http.operations import R, Resource, iteration, request
from ..http.pages import read_pages
from ..http.requests import (
    Emit,
    Items,
    Request,
    call,
    fill,
    new_idempotency_key,
    parse,
    read_as,
    read_nothing,
    without_none,
)
from ..models.analyses import Candidate, CandidateDetail, CandidatePage, Duplicates, Regrade
from ..models.cohorts import Result, ResultsPage

_RESULTS = "/v1/cohorts/{}/results"
_AT_ONCE = 200


class Results(Resource[R]):
    """`client.results`."""

    @iteration
    def list(self, cohort_id: str, *, after: int = 0, include: Literal["report"] | None = None) -> Items[Result]:
        """Gives the results that are there, in the order in which they landed, after the `sequence` of the last one."""
        while True:
            page = yield from call(_read(cohort_id, after=after, limit=_AT_ONCE, include=include))
            for result in page.items:
                yield Emit(result)
            if not page.has_more:
                return
            after = page.next_after

    @iteration
    def follow(self, cohort_id: str, *, after: int = 0, include: Literal["report"] | None = None) -> Items[Result]:
        """Gives results as they land, until the cohort has ended; a broken connection is resumed.

        None is missing and none comes twice. A result that changes comes again, with a higher `sequence`: the newest of
        an item counts. Store the last `sequence` to go on from it in another process.
        """

        def request_after(position: int | None) -> Request[None]:
            return Request(
                method="GET",
                path=fill(_RESULTS, cohort_id),
                parameters=without_none(after=position, include=include),
                headers={"Accept": "application/x-ndjson"},
                wait_seconds=KEEP_ALIVE_SECONDS,
                read=read_nothing,
            )

        return follow(LineMessages(_parse, after), request_after, as_events=False)

    @request
    def read_page(
        self, cohort_id: str, *, after: int = 0, limit: int | None = None, wait: float = 0.0
    ) -> Request[ResultsPage]:
        """Returns one page of results; waits up to `wait` seconds (at most 60) if there is none."""
        return _read(cohort_id, after=after, limit=limit, wait=wait)

    @iteration
    def list_candidates(
        self, cohort_id: str, *, basis: Literal["all_questions", "own_questions"] | None = None
    ) -> Items[Candidate]:
        """Gives candidates with their totals, by tier; within a tier they are in the order of your references."""
        return read_pages(fill("/v1/cohorts/{}/candidates", cohort_id), Candidate, without_none(basis=basis))

    @request
    def read_candidates(self, cohort_id: str) -> Request[CandidatePage]:
        """Returns the first page of candidates, with the number of tiers and of answers without a candidate."""
        return Request(method="GET", path=fill("/v1/cohorts/{}/candidates", cohort_id), read=read_as(CandidatePage))

    @request
    def read_candidate(
        self, cohort_id: str, candidate: str, *, basis: Literal["all_questions", "own_questions"] | None = None
    ) -> Request[CandidateDetail]:
        """Returns a candidate with all answers."""
        return Request(
            method="GET",
            path=fill("/v1/cohorts/{}/candidates/{}", cohort_id, candidate),
            parameters=without_none(basis=basis),
            read=read_as(CandidateDetail),
        )

    @request
    def find_duplicates(self, cohort_id: str, *, threshold: float = 0.8) -> Request[Duplicates]:
        """Starts a search for near-duplicates; `read_duplicates` has its groups once it is finished."""
        path = fill("/v1/cohorts/{}/duplicates", cohort_id)
        return Request(
            method="POST",
            path=path,
            headers=new_idempotency_key(),
            body={"threshold": threshold},
            read=read_as(Duplicates),
        )

    @request
    def read_duplicates(self, cohort_id: str, search_id: str) -> Request[Duplicates]:
        """Returns a search for near-duplicates."""
        path = fill("/v1/cohorts/{}/duplicates/{}", cohort_id, search_id)
        return Request(method="GET", path=path, read=read_as(Duplicates))

    @request
    def create_regrade(
        self,
        cohort_id: str,
        *,
        rubrics: Sequence[Mapping[str, Any]] = (),
        pass_mark: float | None = None,
        judge: bool = False,
    ) -> Request[Regrade]:
        """Computes what other rubrics, another pass mark or judge would change; changes nothing."""
        body = without_none(rubrics=list(rubrics), pass_mark=pass_mark, judge=judge)
        return Request(
            method="POST",
            path=fill("/v1/cohorts/{}/regrades", cohort_id),
            headers=new_idempotency_key(),
            body=body,
            read=read_as(Regrade),
        )

    @request
    def read_regrade(self, cohort_id: str, regrade_id: str) -> Request[Regrade]:
        """Returns a regrade: who moves, by how much, and who crosses the pass mark."""
        path = fill("/v1/cohorts/{}/regrades/{}", cohort_id, regrade_id)
        return Request(method="GET", path=path, read=read_as(Regrade))

    @request
    def apply_regrade(self, cohort_id: str, regrade_id: str, *, grade_again: bool = False) -> Request[Regrade]:
        """Applies a regrade by its id, all of it or nothing. Raises Conflict if anything has changed since."""
        path = fill("/v1/cohorts/{}/regrades/{}/apply", cohort_id, regrade_id)
        return Request(method="POST", path=path, body={"grade_again": grade_again}, read=read_as(Regrade))


def _read(
    cohort_id: str, *, after: int, limit: int | None, include: str | None = None, wait: float = 0.0
) -> Request[ResultsPage]:
    return Request(
        method="GET",
        path=fill(_RESULTS, cohort_id),
        parameters=without_none(after=after, limit=limit, include=include, wait=wait or None),
        wait_seconds=wait,
        read=read_as(ResultsPage),
    )


def _parse(line: bytes) -> Result:
    return parse(Result, line)
