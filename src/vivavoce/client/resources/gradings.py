"""Gradings: submit an answer, read its report, find gradings, decide about them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from ..errors import WaitTimedOut
from ..http.operations import R, Resource, iteration, operation, request
from ..http.pages import read_pages
from ..http.requests import Items, Request, Steps, call, fill, new_idempotency_key, read_as, read_nothing, without_none
from ..models.gradings import (
    CandidateFeedback,
    EarlierReport,
    Erased,
    Grading,
    GradingListed,
    GradingPage,
    Review,
    Submission,
)

_AT_ONCE = 100
# What the service holds a request at most, by default.
_LONG_POLL_SECONDS = 30.0


class Gradings(Resource[R]):
    """`client.gradings`."""

    @request
    def create(
        self,
        answer: str,
        *,
        question_id: str | None = None,
        rubric_id: str | None = None,
        rubric: Mapping[str, Any] | None = None,
        language: Literal["zh", "en"] | None = None,
        feedback_language: Literal["zh", "en"] | None = None,
        priority: Literal["interactive", "batch"] | None = None,
        candidate: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Grading]:
        """Submits an answer to a question, a stored rubric or a rubric of your own; returns its open grading.

        The client makes an `Idempotency-Key` for itself. Give your own if another process may send the same answer.
        """
        return Request(
            method="POST",
            path="/v1/gradings",
            headers=new_idempotency_key(idempotency_key),
            is_repeatable=True,
            body=without_none(
                answer=answer,
                question_id=question_id,
                rubric_id=rubric_id,
                rubric=rubric,
                language=language,
                feedback_language=feedback_language,
                priority=priority,
                candidate=candidate,
                metadata=metadata,
            ),
            read=read_as(Grading),
        )

    @request
    def read(self, grading_id: str, *, wait: float = 0.0) -> Request[Grading]:
        """Returns a grading; waits up to `wait` seconds (at most 60) for its report."""
        return _read(grading_id, wait)

    @operation
    def wait(self, grading_id: str, *, timeout_seconds: float = 600.0) -> Steps[Grading]:
        """Returns a grading once it is finished. Raises WaitTimedOut; the grading goes on then."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = deadline - time.monotonic()
            grading = yield from call(_read(grading_id, min(max(left, 0.0), _LONG_POLL_SECONDS)))
            if not grading.is_open:
                return grading
            if time.monotonic() >= deadline:
                raise WaitTimedOut(
                    f"The grading {grading_id} is still {grading.state} after {timeout_seconds:.0f} s: wait longer."
                )

    @iteration
    def list(
        self,
        *,
        state: str | Sequence[str] | None = None,
        question_id: str | None = None,
        language: str | None = None,
        candidate: str | None = None,
        cohort_id: str | None = None,
        needs_review: bool | None = None,
        reviewed: bool | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        score_min: float | None = None,
        score_max: float | None = None,
        include: Literal["report"] | None = None,
        limit: int | None = None,
    ) -> Items[GradingListed]:
        """Gives the gradings that all filters let through, the newest first; `limit` is the size of a page."""
        filters = {name: value for name, value in locals().items() if name != "self"}
        return read_pages("/v1/gradings", GradingListed, without_none(**filters))

    @operation
    def read_several(self, ids: Sequence[str], *, include: Literal["report"] | None = None) -> Steps[GradingPage]:
        """Returns any number of gradings by their ids, in this order; `missing` names those that are not there."""
        found: list[GradingListed] = []
        missing: list[str] = []
        for start in range(0, len(ids), _AT_ONCE):
            wanted = without_none(ids=",".join(ids[start : start + _AT_ONCE]), include=include)
            page = yield from call(
                Request(method="GET", path="/v1/gradings", parameters=wanted, read=read_as(GradingPage))
            )
            found += page.items
            missing += page.missing
        return GradingPage(items=found, next_cursor=None, missing=missing)

    @operation
    def sync(self, token: str | None = None) -> Steps[GradingPage]:
        """Returns what was submitted or has changed since a token, or everything, and the next `sync_token`."""
        found: list[GradingListed] = []
        wanted: dict[str, Any] = {"sync_token": token} if token else {"sync": True}
        while True:
            page = yield from call(
                Request(method="GET", path="/v1/gradings", parameters=wanted, read=read_as(GradingPage))
            )
            found += page.items
            if page.next_cursor is None:
                return GradingPage(items=found, next_cursor=None, sync_token=page.sync_token)
            wanted = {"cursor": page.next_cursor}

    @request
    def cancel(self, grading_id: str) -> Request[Grading]:
        """Cancels an open grading. Raises Conflict once it is finished."""
        return _change(grading_id, "cancel")

    @request
    def requeue(self, grading_id: str) -> Request[Grading]:
        """Grades again what is failed, dead or cancelled. Raises Conflict if it has a result."""
        return _change(grading_id, "requeue")

    @request
    def regrade(self, grading_id: str, *, keep_review: bool = False) -> Request[Grading]:
        """Grades again what has a result; what a person decided stays only with `keep_review`. Raises Conflict."""
        return _change(grading_id, "regrade", keep_review=keep_review)

    @request
    def review(
        self,
        grading_id: str,
        *,
        score: float | None = None,
        levels: Mapping[str, int] | None = None,
        comment: str | None = None,
        reviewer: str | None = None,
    ) -> Request[Review]:
        """Stores what a person decided: a score of 0 to 10, levels by the id of the criterion, a comment."""
        return Request(
            method="POST",
            path=fill("/v1/gradings/{}/reviews", grading_id),
            headers=new_idempotency_key(),
            is_repeatable=True,
            body=without_none(score=score, levels=levels, comment=comment, reviewer=reviewer),
            read=read_as(Review),
        )

    @iteration
    def list_reviews(self, grading_id: str) -> Items[Review]:
        """Gives what people decided about a grading, the newest first."""
        return read_pages(fill("/v1/gradings/{}/reviews", grading_id), Review, {})

    @iteration
    def list_earlier_reports(self, grading_id: str) -> Items[EarlierReport]:
        """Gives the reports that a grading had before it was graded again."""
        return read_pages(fill("/v1/gradings/{}/reports", grading_id), EarlierReport, {})

    @request
    def read_feedback(self, grading_id: str) -> Request[CandidateFeedback]:
        """Returns what the candidate may see."""
        path = fill("/v1/gradings/{}/feedback", grading_id)
        return Request(method="GET", path=path, read=read_as(CandidateFeedback))

    @request
    def read_submission(self, submission_id: str) -> Request[Submission]:
        """Returns an answer as it was sent."""
        return Request(method="GET", path=fill("/v1/submissions/{}", submission_id), read=read_as(Submission))

    @request
    def erase_submission(self, submission_id: str) -> Request[None]:
        """Erases an answer with all that was made of it. Raises NotFound."""
        return Request(method="DELETE", path=fill("/v1/submissions/{}", submission_id), read=read_nothing)

    @request
    def erase_candidate(self, candidate: str) -> Request[Erased]:
        """Erases all answers of a candidate, and returns how much that was."""
        return Request(
            method="POST",
            path="/v1/erasures",
            is_repeatable=True,
            body={"candidate": candidate},
            read=read_as(Erased),
        )


def _read(grading_id: str, wait: float) -> Request[Grading]:
    return Request(
        method="GET",
        path=fill("/v1/gradings/{}", grading_id),
        parameters={"wait": wait} if wait else {},
        wait_seconds=wait,
        read=read_as(Grading),
    )


def _change(grading_id: str, verb: str, **parameters: Any) -> Request[Grading]:
    return Request(
        method="POST",
        path=fill(f"/v1/gradings/{{}}/{verb}", grading_id),
        parameters=parameters,
        headers=new_idempotency_key(),
        is_repeatable=True,
        read=read_as(Grading),
    )
