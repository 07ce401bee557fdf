"""A cohort on a site, as its owner sees it; what it must never show is noted in `problems`."""

from __future__ import annotations

import time
from typing import Any

import httpx
import sqlalchemy as sa

from vivavoce.service.storage.tables import Cohort, CohortItem, Grading, Report, State

from ..faults.site import Site
from ..servers import wait_until

ENDS = {"finished", "cancelled", "expired", "budget_stopped"}


class Batch:
    """The cohort; every reply is checked for sums and limits."""

    def __init__(self, site: Site, *, items: int) -> None:
        self.site = site
        self.items = items
        self.problems: list[str] = []
        self.states_seen: set[str] = set()
        self.reads = 0
        self._graded: set[str] = set()
        self.id = str(self._send("POST", "/v1/cohorts", json={"name": "campaign"})["id"])

    def read(self) -> dict[str, Any]:
        """The cohort as it is now."""
        public = self._send("GET", f"/v1/cohorts/{self.id}")
        self._check(public)
        return public

    def post(self, verb: str) -> dict[str, Any]:
        """Change its state; in a state that forbids it, only read it."""
        reply = self._send("POST", f"/v1/cohorts/{self.id}/{verb}")
        return self.read() if "code" in reply else reply

    def edit(self, **changes: Any) -> bool:
        """Edit it; returns whether it was accepted, which a limit below what is used is not."""
        reply = self._send("PATCH", f"/v1/cohorts/{self.id}", json=changes, headers={"If-Match": "*"})
        return "code" not in reply

    def wait_for(self, state: str, *, seconds: float = 600) -> bool:
        """Wait until it has ended; returns whether in this state."""
        wait_until(lambda: self.read()["state"] in ENDS, seconds=seconds, what=f"the cohort is {state} or finished")
        return bool(self.read()["state"] == state)

    def check_end(self, *, max_calls: int | None = None, max_cost: float | None = None) -> None:
        """Once nothing is in work: nothing waits, what was graded still is, and the limit holds at the judge."""
        wait_until(lambda: not self.read()["counts"]["running"], seconds=600, what="running work is finished")
        public = self.read()
        if public["state"] in ENDS and public["counts"]["queued"]:
            self.problems.append(f"{public['counts']['queued']} wait in a cohort that is {public['state']}")
        paid = len(self.site.judge.prompts)
        if max_calls is not None and paid > max_calls:
            self.problems.append(f"{paid} calls with max_calls {max_calls}")
        spent = public["budget"]["used_cost"] + public["budget"]["reserved_cost"]
        if max_cost is not None and spent > max_cost + 1e-9:
            self.problems.append(f"{spent} spent with max_cost {max_cost}")
        self.check_graded()

    def check_graded(self) -> None:
        """What was graded once is graded and has its report."""
        with self.site.sessions() as session:
            query = (
                sa.select(CohortItem.external_id)
                .join(Grading, Grading.id == CohortItem.grading_id)
                .join(Report, Report.grading_id == Grading.id)
                .where(CohortItem.cohort_id == self.id, Grading.state.in_([State.GRADED, State.NEEDS_REVIEW]))
            )
            graded = set(session.scalars(query))
        if lost := self._graded - graded:
            self.problems.append(f"{len(lost)} were graded and are not any more")
        self._graded = graded

    def check_budget(self) -> None:
        """The judge was never asked more often than the database has reserved."""
        # First: what is asked after this may be counted already.
        paid = len(self.site.judge.prompts)
        with self.site.sessions() as session:
            cohort = session.get_one(Cohort, self.id)
            counted = cohort.used_calls + cohort.reserved_calls
        if paid > counted:
            self.problems.append(f"the judge was asked {paid} times, {counted} were counted")

    def _check(self, public: dict[str, Any]) -> None:
        self.reads += 1
        self.states_seen.add(public["state"])
        counted, budget = sum(public["counts"].values()), public["budget"]
        if counted != public["total"]:
            self.problems.append(f"outcomes sum to {counted} of {public['total']}")
        if public["started_at"] and public["total"] != self.items:
            self.problems.append(f"{public['total']} of {self.items} answers are there")
        for unit in ("calls", "cost"):
            limit, used = budget[f"max_{unit}"], budget[f"used_{unit}"] + budget[f"reserved_{unit}"]
            if limit is not None and used > limit + 1e-9:
                self.problems.append(f"{used} {unit} with a limit of {limit}")

    def _send(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The reply, which an API that was killed gives in its next life."""
        deadline = time.monotonic() + 120
        while True:
            try:
                reply = self.site.http.request(method, path, **more)
                if reply.status_code < 500:
                    return dict(reply.json())
            except httpx.TransportError:
                reply = None
            assert time.monotonic() < deadline, reply.text if reply else "the API is gone"
            time.sleep(0.1)
