"""The states of a cohort, and every change from one to another.

    draft → validated        finalised: it has an answer, and takes no more
    validated → draft        reopened
    validated → running      started: each item gets a grading; an open cohort starts from draft, too
    running ⇄ paused         what is being graded is finished, the rest waits
    running, paused → finished | cancelled | expired | budget_stopped
    draft, validated → cancelled
    any end → running        resumed: what is not graded is queued again
    any → paused             a regrade was applied that needs the judge

An end cancels what is queued, in the same transaction; what is being graded is finished and kept. Each change is
idempotent: in its target state already, it changes nothing. Each works inside the caller's transaction, and locks the
cohort first.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from .. import audit
from ..audit import Kind
from ..errors import WrongState
from ..events.log import EventKind, append_event
from ..gradings import lifecycle
from ..storage import clock
from ..storage.repositories import CohortItemRepository, CohortRepository
from ..storage.tables import Cohort, CohortItem, CohortState, Grading, State
from .budget import describe_limit, move_lost_reservations
from .gradings import add_gradings, cancel_queued, end_reason_of, requeue_cancelled

_DRAFT, _VALIDATED = CohortState.DRAFT, CohortState.VALIDATED
_RUNNING, _PAUSED = CohortState.RUNNING, CohortState.PAUSED


def finalise(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Closes a cohort to further items: a draft is `validated`, one that runs ends once all is graded.

    Raises WrongState in other states, and for a cohort without items.
    """
    state = _state_of(cohort)
    if state is _VALIDATED:
        return
    if state not in (_DRAFT, _RUNNING, _PAUSED):
        raise WrongState(f"The cohort is {state.value}: only a draft or an open cohort that runs can be finalised.")
    if not CohortItemRepository(session).count(cohort.id):
        raise WrongState("The cohort has no answers: add some, then finalise it.")
    if state is _DRAFT:
        _set_state(session, cohort, _VALIDATED, actor=actor)
    # A new object: SQLAlchemy does not see changes inside a JSON document.
    cohort.options = {**cohort.options, "open": False}


def reopen(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Makes a validated cohort a draft again. Raises WrongState in other states."""
    state = _state_of(cohort)
    if state is _DRAFT:
        return
    if state is not _VALIDATED:
        raise WrongState(f"The cohort is {state.value}: only a validated one can be reopened.")
    _set_state(session, cohort, _DRAFT, actor=actor)


def start(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Starts a validated cohort, or an open one that is a draft. Raises WrongState in other states."""
    state = _state_of(cohort)
    if state is _RUNNING:
        return
    is_open = bool(cohort.options.get("open"))
    if state is _DRAFT and not is_open:
        raise WrongState("The cohort is a draft: finalise it, then start it.")
    if state not in (_DRAFT, _VALIDATED):
        raise WrongState(f"The cohort is {state.value}: resume it instead.")
    _check_limits(cohort)
    cohort.started_at = clock.now()
    add_gradings(session, cohort)
    _set_state(session, cohort, _RUNNING, actor=actor)


def pause(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Pauses a running cohort: what is being graded is finished. Raises WrongState in other states."""
    state = _state_of(cohort)
    if state is _PAUSED:
        return
    if state is not _RUNNING:
        raise WrongState(f"The cohort is {state.value}: only a running one can be paused.")
    _set_state(session, cohort, _PAUSED, actor=actor)


def return_to_pause(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Pauses a cohort whatever its state, also one that has ended, so that its owner may resume it."""
    cohort.ended_at = cohort.end_reason = None
    cohort.revision += 1
    _set_state(session, cohort, _PAUSED, actor=actor)


def cancel(session: Session, cohort: Cohort, *, actor: str) -> None:
    """Cancels a cohort that has not ended. Raises WrongState if it has ended otherwise."""
    state = _state_of(cohort)
    if state is CohortState.CANCELLED:
        return
    if state.ended:
        raise WrongState(f"The cohort is {state.value} already: nothing is left to cancel.")
    _end(session, cohort, CohortState.CANCELLED, why=f"cancelled by {actor}", actor=actor)


def resume(session: Session, cohort: Cohort, *, actor: str, retry_failed: bool = False) -> None:
    """Goes on with what is not graded; what is graded stays. With `retry_failed`, failed ones are graded again, too.

    Raises WrongState for a cohort that was never started, one whose limits are used up, and a finished one in which
    nothing is left to grade.
    """
    state = _state_of(cohort)
    if state is _RUNNING and not retry_failed:
        return
    if state in (_DRAFT, _VALIDATED):
        raise WrongState(f"The cohort is {state.value}: {'finalise' if state is _DRAFT else 'start'} it instead.")
    _check_limits(cohort)
    queued = requeue_cancelled(session, cohort) + add_gradings(session, cohort)
    if retry_failed:
        queued += _requeue_failed(session, cohort)
    if state is CohortState.FINISHED and not queued:
        raise WrongState(
            "The cohort is finished and nothing is left to grade: send 'retry_failed': true to grade failed answers "
            "again, if it has any."
        )
    cohort.started_at = cohort.started_at or clock.now()
    cohort.ended_at = cohort.end_reason = None
    if state is not _RUNNING:
        _set_state(session, cohort, _RUNNING, actor=actor)


def stop_for_budget(session: Session, cohort_id: str, grading_id: str, *, cost: float) -> None:
    """Ends a cohort of which a call that may cost `cost` was refused, unless its limits were raised meanwhile.

    The grading must be queued again already. In a cohort that has ended before, only this grading ends.
    """
    cohort = session.get_one(Cohort, cohort_id, with_for_update=True, populate_existing=True)
    why = describe_limit(cohort, cost=cost)
    if why is None:
        return
    if CohortState(cohort.state).ended:
        cancel_queued(session, cohort.id, reason=end_reason_of(CohortState.BUDGET_STOPPED), only=[grading_id])
    else:
        _end(session, cohort, CohortState.BUDGET_STOPPED, why=why)


def settle(session: Session, cohort_id: str, *, now: datetime) -> CohortState | None:
    """Finishes or expires a cohort if it is time; returns its new state, or None if it stays as it is."""
    cohorts = CohortRepository(session)
    cohort = cohorts.lock_if_free(cohort_id)
    if cohort is None or cohort.state not in (_RUNNING, _PAUSED):
        return None
    is_over = cohort.finish_by is not None and cohort.finish_by <= now
    if not cohort.options.get("open") and not cohorts.has_open_gradings(cohort.id):
        _end(session, cohort, CohortState.FINISHED, why=None)
    elif cohort.finish_by is not None and is_over:
        _end(session, cohort, CohortState.EXPIRED, why=f"finish_by was {cohort.finish_by:%Y-%m-%d %H:%M:%S} UTC")
    else:
        return None
    return CohortState(cohort.state)


def _end(session: Session, cohort: Cohort, state: CohortState, *, why: str | None, actor: str | None = None) -> None:
    if state is not CohortState.FINISHED:
        cancel_queued(session, cohort.id, reason=end_reason_of(state))
    else:
        move_lost_reservations(cohort)
    cohort.ended_at, cohort.end_reason = clock.now(), why
    _set_state(session, cohort, state, actor=actor)


def _requeue_failed(session: Session, cohort: Cohort) -> int:
    failed = sa.select(Grading).where(
        Grading.cohort_id == cohort.id,
        Grading.state.in_([State.FAILED, State.DEAD]),
        Grading.id.in_(sa.select(CohortItem.grading_id).where(CohortItem.cohort_id == cohort.id)),
    )
    gradings = session.scalars(failed).unique().all()
    for grading in gradings:
        lifecycle.regrade(session, grading)
        grading.priority = lifecycle.BATCH
    session.flush()
    return len(gradings)


def _check_limits(cohort: Cohort) -> None:
    """Raises WrongState if a limit of the cohort is reached, so that it would end at once."""
    if cohort.finish_by is not None and cohort.finish_by <= clock.now():
        raise WrongState(
            f"finish_by is {cohort.finish_by:%Y-%m-%d %H:%M:%S} UTC, which is over: set a later one or null with PATCH."
        )
    if why := describe_limit(cohort, cost=0.0):
        raise WrongState(f"{why[0].upper()}{why[1:]}.")


def _state_of(cohort: Cohort) -> CohortState:
    return CohortState(cohort.state)


def _set_state(session: Session, cohort: Cohort, state: CohortState, *, actor: str | None) -> None:
    was, cohort.state = cohort.state, state
    cohort.updated_at = clock.now()
    details = {"was": str(was), "state": state.value}
    append_event(
        session,
        EventKind(f"cohort.{state.value}"),
        subject_id=cohort.id,
        organisation_id=cohort.organisation_id,
        cohort_id=cohort.id,
        data={"cohort_id": cohort.id, **details},
    )
    audit.append_event(
        session,
        kind=Kind.COHORT_STATE_CHANGED,
        subject=cohort.id,
        details=details,
        actor=actor,
        organisation_id=cohort.organisation_id,
    )
    session.flush()
