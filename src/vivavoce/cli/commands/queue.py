"""`viva queue`: what waits, for how long, and what to do with what died."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from vivavoce.service import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.repositories import GradingRepository
from vivavoce.service.storage.tables import State

from ..console import out
from ..errors import UserError
from ..resources import open_database

app = typer.Typer(
    add_completion=False, invoke_without_command=True, help="What waits to be graded, and what went wrong."
)
_LIST_LIMIT = 1000


@app.callback()
def show(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="List the gradings in this state, such as dead.")] = None,
) -> None:
    """How many gradings stand where, and how old the oldest open one is."""
    if context.invoked_subcommand:
        return
    with open_database(Settings()) as database, database() as session:
        if state:
            _list(session, _state(state))
            return
        repository = GradingRepository(session)
        counts, oldest = repository.counts_by_state(), repository.oldest_open()
    table = Table("state", "gradings")
    for name in State:
        table.add_row(name, str(counts.get(name, 0)))
    out.print(table)
    age = f"{(clock.now() - oldest).total_seconds():.0f} s" if oldest else "nothing is open"
    out.print(f"age of the oldest open grading: {age}", highlight=False)


@app.command()
def requeue(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Gradings to put back in line.")] = None,
    state: Annotated[str | None, typer.Option(help="All that are failed, dead or cancelled.")] = None,
) -> None:
    """Put gradings that failed, died or were cancelled back in line."""
    if bool(ids) == bool(state):
        raise UserError("Name gradings, or all of a state with --state: one of the two.")
    with open_database(Settings()) as database, database.begin() as session:
        if state:
            found = GradingRepository(session).in_state(_state(state), limit=_LIST_LIMIT)
        else:
            found = [lifecycle.get(session, grading_id) for grading_id in ids or []]
        waiting = 0
        for grading in found:
            lifecycle.requeue(session, grading)
            waiting += grading.state == State.QUEUED
    out.print(f"{waiting} of {len(found)} gradings are in line now", highlight=False)


@app.command()
def cancel(ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Gradings to cancel.")]) -> None:
    """Take gradings out of the line."""
    with open_database(Settings()) as database, database.begin() as session:
        for grading_id in ids:
            lifecycle.cancel(session, lifecycle.get(session, grading_id))
    out.print(f"{len(ids)} gradings are cancelled", highlight=False)


def _list(session: Session, state: State) -> None:
    table = Table("grading", "question", "candidate", "since", "attempts", "reason")
    for grading in GradingRepository(session).in_state(state, limit=_LIST_LIMIT):
        table.add_row(
            grading.id,
            grading.rubric_version.question_id,
            grading.submission.candidate or "",
            f"{grading.updated_at:%Y-%m-%d %H:%M:%S}",
            str(grading.attempt),
            ": ".join(part for part in (grading.reason, grading.detail) if part),
        )
    out.print(table)


def _state(name: str) -> State:
    try:
        return State(name)
    except ValueError:
        raise UserError(f"There is no state '{name}': use one of {', '.join(State)}.") from None
