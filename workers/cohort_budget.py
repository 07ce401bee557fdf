"""The budget of a cohort, as the judge's calls of one batch are reserved in the database."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vivavoce.graders.judge.budget import Grant
from vivavoce.service.cohorts.budget import Settlement, reserve, settle
from vivavoce.service.storage.engine import SessionFactory

_log = logging.getLogger(__name__)


@dataclass
class _Request:
    cost: float
    grant: Grant | None = None
    error: Exception | None = None


class CohortBudget:
    """A CallBudget over the database. Reservations that come while one is written are written together.

    `refused_cost` is the most that a refused call might have cost, None if none was refused.
    """

    def __init__(self, sessions: SessionFactory, cohort_id: str) -> None:
        self._sessions = sessions
        self._cohort_id = cohort_id
        self._requests: list[_Request] = []
        self._unwritten = Settlement()
        self._lists = threading.Lock()
        self._writing = threading.Lock()
        self._is_short = False
        self.refused_cost: float | None = None

    def reserve(self, cost: float) -> Grant:
        """See CallBudget; raises SQLAlchemyError if the database stays away."""
        request = _Request(cost)
        with self._lists:
            self._requests.append(request)
        with self._writing:
            if request.grant is None and request.error is None:
                with self._lists:
                    requests, self._requests = self._requests, []
                self._write(requests)
        if request.error:
            raise request.error
        assert request.grant
        return request.grant

    def settle(self, reserved: float, *, calls: int, cost: float) -> None:
        """See CallBudget; written by `flush`, or once the budget is short."""
        with self._lists:
            self._unwritten += Settlement(1, reserved, calls, cost)

    def refuse(self, cost: float) -> None:
        """See CallBudget."""
        with self._lists:
            self.refused_cost = max(cost, self.refused_cost or 0.0)

    def flush(self) -> None:
        """Write what is settled."""
        with self._writing:
            self._write_settlement()

    def _write(self, requests: list[_Request]) -> None:
        if self._is_short:
            self._write_settlement()
        try:
            grants = self._sessions.run(lambda session: self._reserve_all(session, requests))
        except Exception as error:  # noqa: BLE001  each of the callers raises it
            for request in requests:
                request.error = error
            return
        for request, grant in zip(requests, grants, strict=True):
            request.grant = grant
        self._is_short = Grant.LATER in grants

    def _write_settlement(self) -> None:
        with self._lists:
            settlement, self._unwritten = self._unwritten, Settlement()
        if not settlement.reserved_calls:
            return
        try:
            # Never repeated: a commit in doubt may have succeeded.
            with self._sessions.begin() as session:
                settle(session, self._cohort_id, settlement)
        except SQLAlchemyError as error:
            _log.warning("%d calls count at their maximum: %s", settlement.reserved_calls, error)

    def _reserve_all(self, session: Session, requests: list[_Request]) -> list[Grant]:
        """Reserve all in one step, or else one after another as long as they fit."""
        total = sum(request.cost for request in requests)
        if reserve(session, self._cohort_id, calls=len(requests), cost=total) is Grant.GRANTED:
            return [Grant.GRANTED] * len(requests)
        return [reserve(session, self._cohort_id, calls=1, cost=request.cost) for request in requests]
