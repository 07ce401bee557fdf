"""`viva audit`: reads and verifies the audit trail."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vivavoce.service import audit
from vivavoce.service.audit import Broken, Head
from vivavoce.service.settings import Settings
from vivavoce.service.storage.repositories import AuditRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION

from ..output.console import out
from ..resources import open_database

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Read and verify the audit trail.")


@app.command("verify")
def verify_trail(
    head: Annotated[
        str | None,
        typer.Option(help="An earlier head from 'viva audit head' or a backup, which the trail must contain."),
    ] = None,
) -> None:
    """Check that no event and no report was changed or removed.

    Prints the first one that was, with exit status 1. Without --head it cannot be seen when the newest events were
    removed, or when the whole trail was written anew.
    """
    # A malformed head is reported before anything is read.
    kept = Head.parse(head) if head else None
    with open_database(Settings()) as database, database() as session:
        result = audit.verify(session, kept=kept)
    if isinstance(result, Broken):
        out.print(f"[red]broken[/red] {escape(result.problem)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    older = f", {result.older_reports} reports are older than the trail" if result.older_reports else ""
    out.print(f"{result.events} events and {result.reports} reports are unchanged{older}", highlight=False)
    out.print(f"head {result.head}", highlight=False, soft_wrap=True)


@app.command("head")
def print_head() -> None:
    """Print the head of the trail, to be kept elsewhere for 'viva audit verify --head'."""
    with open_database(Settings()) as database, database() as session:
        out.print(str(audit.head(session)), highlight=False, soft_wrap=True)


@app.command("list")
def list_events(
    subject: Annotated[
        str | None, typer.Option(help="Only events about this grading, question, judge version or backup.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest events to show.")] = 100,
) -> None:
    """Show the newest events, in the order in which they happened."""
    table = Table("event", "at", "what", "subject", "by", "details")
    with open_database(Settings()) as database, database() as session:
        for event in AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=subject, limit=limit):
            details = json.dumps(event.details, ensure_ascii=False)
            at = f"{event.at:%Y-%m-%d %H:%M:%S}"
            # Subjects and details may hold what rich reads as markup.
            table.add_row(str(event.id), at, event.kind, escape(event.subject), escape(event.actor), escape(details))
    out.print(table)
