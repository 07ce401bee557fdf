"""`viva queue`: what waits to be graded, for how long, and what to do with what failed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from vivavoce.service.gradings import lifecycle
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.repositories import GradingRepository
from vivavoce.service.storage.tables import State

from ..errors import UserError
from ..output.console import out
from ..resources import open_database

app = typer.Typer(add_completion=False, invoke_without_command=True, help="Show the queue; requeue or cancel gradings.")
# Bounds the table, and the work of one transaction.
_LIST_LIMIT = 1000


@app.callback()
def show_queue(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="List the gradings in this state, such as dead.")] = None,
) -> None:
    """Show the queue; requeue or cancel gradings."""
    # Typer calls the group before its subcommands, too.
    if context.invoked_subcommand:
        return
    with open_database(Settings()) as database, database() as session:
        if state:
            _print_gradings(session, _parse_state(state))
        else:
            _print_counts(session)


@app.command("requeue")
def requeue_gradings(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Gradings to requeue.")] = None,
    state: Annotated[str | None, typer.Option(help="All gradings that are failed, dead or cancelled.")] = None,
) -> None:
    """Requeue gradings that failed, died or were cancelled."""
    if bool(ids) == bool(state):
        raise UserError("Name gradings, or all of a state with --state: use one of the two.")
    with open_database(Settings()) as database, database.begin() as session:
        if state:
            gradings = GradingRepository(session).in_state(_parse_state(state), limit=_LIST_LIMIT)
        else:
            gradings = [lifecycle.get(session, grading_id) for grading_id in ids or []]
        waiting = 0
        for grading in gradings:
            lifecycle.requeue(session, grading)
            waiting += grading.state == State.QUEUED
    out.print(f"{waiting} of {len(gradings)} gradings are queued now", highlight=False)


@app.command("cancel")
def cancel_gradings(ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Gradings to cancel.")]) -> None:
    """Cancel gradings that wait or are being graded."""
    # All or none: one that is finished undoes the rest.
    with open_database(Settings()) as database, database.begin() as session:
        for grading_id in ids:
            lifecycle.cancel(session, lifecycle.get(session, grading_id))
    out.print(f"{len(ids)} gradings are cancelled", highlight=False)


def _print_counts(session: Session) -> None:
    repository = GradingRepository(session)
    counts, oldest = repository.counts_by_state(), repository.oldest_open()
    table = Table("state", "gradings")
    for name in State:
        table.add_row(name, str(counts.get(name, 0)))
    out.print(table)
    age = f"{(clock.now() - oldest).total_seconds():.0f} s" if oldest else "nothing is open"
    out.print(f"age of the oldest open grading: {age}", highlight=False)


def _print_gradings(session: Session, state: State) -> None:
    table = Table("grading", "question", "candidate", "since", "attempts", "reason")
    for grading in GradingRepository(session).in_state(state, limit=_LIST_LIMIT):
        table.add_row(
            grading.id,
            grading.rubric_version.question_id,
            escape(grading.submission.candidate or ""),
            f"{grading.updated_at:%Y-%m-%d %H:%M:%S}",
            str(grading.attempt),
            escape(": ".join(part for part in (grading.reason, grading.detail) if part)),
        )
    out.print(table)


def _parse_state(name: str) -> State:
    try:
        return State(name)
    except ValueError:
        raise UserError(f"There is no state '{name}': use one of {', '.join(State)}.") from None
