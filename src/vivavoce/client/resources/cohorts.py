"""Cohorts: make one, fill it, run it, watch it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from ..errors import WaitTimedOut
from ..http.operations import R, Resource, iteration, operation, request
from ..http.pages import read_pages
from ..http.requests import (
    Emit,
    Items,
    Request,
    Sleep,
    Steps,
    call,
    fill,
    new_idempotency_key,
    read_as,
    read_nothing,
    without_none,
)
from ..models.cohorts import Cohort, Estimate, Item, ItemsAppended
from .batches import cut_batches

_COHORT = "/v1/cohorts/{}"


class Cohorts(Resource[R]):
    """`client.cohorts`."""

    @request
    def create(
        self,
        name: str,
        *,
        open: bool = False,
        feedback_language: Literal["zh", "en"] | None = None,
        pass_mark: float | None = None,
        max_calls: int | None = None,
        max_cost: float | None = None,
        finish_by: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Request[Cohort]:
        """Makes a draft. With `open` it takes answers while it runs, until it is finalised.

        Limits are calls of the judge, their cost, and a time; they can be changed later.
        """
        body = without_none(
            name=name,
            open=open,
            feedback_language=feedback_language,
            pass_mark=pass_mark,
            max_calls=max_calls,
            max_cost=max_cost,
            finish_by=finish_by,
            metadata=metadata,
        )
        return Request(
            method="POST", path="/v1/cohorts", headers=new_idempotency_key(), body=body, read=read_as(Cohort)
        )

    @request
    def read(self, cohort_id: str) -> Request[Cohort]:
        """Returns a cohort: state, counts by outcome, budget, progress."""
        return _read(cohort_id)

    @iteration
    def list(self, *, state: str | None = None, limit: int | None = None) -> Items[Cohort]:
        """Gives cohorts, the newest first."""
        return read_pages("/v1/cohorts", Cohort, without_none(state=state, limit=limit))

    @request
    def update(self, cohort_id: str, changes: Mapping[str, Any], *, if_match: str) -> Request[Cohort]:
        """Edits name, pass_mark, metadata and limits; None takes a limit away.

        `if_match` is the `etag` of the cohort that was read, or `*` for whatever is there. Raises Conflict.
        """
        return Request(
            method="PATCH",
            path=fill(_COHORT, cohort_id),
            headers={"If-Match": if_match},
            body=dict(changes),
            read=read_as(Cohort),
        )

    @request
    def delete(self, cohort_id: str) -> Request[None]:
        """Deletes a cohort that was never started. Raises Conflict."""
        return Request(method="DELETE", path=fill(_COHORT, cohort_id), read=read_nothing)

    @operation
    def append(
        self,
        cohort_id: str,
        items: Iterable[Mapping[str, Any]],
        *,
        mode: Literal["all_or_nothing", "valid_only"] = "all_or_nothing",
    ) -> Steps[ItemsAppended]:
        """Adds any number of answers, in batches; each has an `external_id`, an `answer` and a `question_id`.

        The same items may be sent again: what is there is not made twice. With `all_or_nothing` a wrong item has its
        batch refused with InvalidRequest; batches before it stay.
        """
        total = ItemsAppended(created=0, changed=0, unchanged=0, errors=[])
        for start, batch in cut_batches(items):
            done = yield from call(
                Request(
                    method="POST",
                    path=fill(_COHORT + "/items", cohort_id),
                    body={"items": batch, "mode": mode},
                    is_repeatable=True,
                    read=read_as(ItemsAppended),
                )
            )
            total = ItemsAppended(
                created=total.created + done.created,
                changed=total.changed + done.changed,
                unchanged=total.unchanged + done.unchanged,
                errors=total.errors
                + [error.model_copy(update={"index": error.index + start}) for error in done.errors],
            )
        return total

    @iteration
    def list_items(
        self,
        cohort_id: str,
        *,
        outcome: str | None = None,
        candidate: str | None = None,
        question_id: str | None = None,
        external_id: str | None = None,
        limit: int | None = None,
    ) -> Items[Item]:
        """Gives the answers that all filters let through, in the order of `external_id`."""
        filters = without_none(
            outcome=outcome, candidate=candidate, question_id=question_id, external_id=external_id, limit=limit
        )
        return read_pages(fill(_COHORT + "/items", cohort_id), Item, filters)

    @request
    def read_item(self, cohort_id: str, item_id: str) -> Request[Item]:
        """Returns an answer with the versions that were replaced."""
        return Request(method="GET", path=fill(_COHORT + "/items/{}", cohort_id, item_id), read=read_as(Item))

    @request
    def estimate(self, cohort_id: str) -> Request[Estimate]:
        """Returns what grading the rest is expected to take."""
        path = fill(_COHORT + "/estimate", cohort_id)
        return Request(method="POST", path=path, is_repeatable=True, read=read_as(Estimate))

    @request
    def finalise(self, cohort_id: str) -> Request[Cohort]:
        """Closes a cohort to answers."""
        return _change(cohort_id, "finalise")

    @request
    def reopen(self, cohort_id: str) -> Request[Cohort]:
        """Opens a validated cohort to answers again."""
        return _change(cohort_id, "reopen")

    @request
    def start(self, cohort_id: str) -> Request[Cohort]:
        """Starts a validated cohort, or an open draft."""
        return _change(cohort_id, "start")

    @request
    def pause(self, cohort_id: str) -> Request[Cohort]:
        """Pauses a cohort; what is being graded is finished."""
        return _change(cohort_id, "pause")

    @request
    def cancel(self, cohort_id: str) -> Request[Cohort]:
        """Ends a cohort; what was graded stays."""
        return _change(cohort_id, "cancel")

    @request
    def resume(self, cohort_id: str, *, retry_failed: bool = False) -> Request[Cohort]:
        """Goes on after a pause or an end; with `retry_failed` failed answers are graded again, too."""
        return _change(cohort_id, "resume", body={"retry_failed": retry_failed})

    @iteration
    def watch(self, cohort_id: str, *, every_seconds: float = 2.0) -> Items[Cohort]:
        """Gives the cohort now, and again at each change, until it has ended and nothing of it is being graded."""
        before = None
        while True:
            cohort = yield from call(_read(cohort_id))
            if (cohort.state, cohort.counts) != before:
                yield Emit(cohort)
            if _is_over(cohort):
                return
            before = (cohort.state, cohort.counts)
            yield Sleep(every_seconds)

    @operation
    def wait(self, cohort_id: str, *, timeout_seconds: float = 86_400.0, every_seconds: float = 2.0) -> Steps[Cohort]:
        """Returns the cohort once it has ended and nothing of it is being graded. Raises WaitTimedOut."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            cohort = yield from call(_read(cohort_id))
            if _is_over(cohort):
                return cohort
            if time.monotonic() + every_seconds > deadline:
                raise WaitTimedOut(
                    f"The cohort {cohort_id} is {cohort.state} after {timeout_seconds:.0f} s: it goes on; wait longer."
                )
            yield Sleep(every_seconds)


def _read(cohort_id: str) -> Request[Cohort]:
    return Request(method="GET", path=fill(_COHORT, cohort_id), read=read_as(Cohort))


def _change(cohort_id: str, verb: str, body: Mapping[str, Any] | None = None) -> Request[Cohort]:
    # Each change of state may be asked for twice.
    path = fill(f"{_COHORT}/{verb}", cohort_id)
    return Request(method="POST", path=path, body=body, is_repeatable=True, read=read_as(Cohort))


def _is_over(cohort: Cohort) -> bool:
    return cohort.has_ended and not cohort.counts.get("running") and not cohort.counts.get("queued")
