"""`viva audit`: what was done, and whether the record of it is whole."""

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

from ..console import out
from ..resources import open_database

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The audit trail: what was done, and whether the record of it is whole.",
)


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option(help="What 'viva audit head' printed before, or a backup has: the trail goes on there."),
    ] = None,
) -> None:
    """Check every event and every report; exit status 1 and one sentence on the first that is not as it was written.

    Without --head, a trail whose newest events were removed, or that was written anew from its beginning, looks whole.
    """
    kept = Head.parse(head) if head else None
    with open_database(Settings()) as database, database() as session:
        found = audit.verify(session, kept=kept)
    if isinstance(found, Broken):
        out.print(f"[red]broken[/red] {escape(found.problem)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    older = f", {found.older_reports} reports are older than the trail" if found.older_reports else ""
    out.print(f"{found.events} events and {found.reports} reports are as they were written{older}", highlight=False)
    out.print(f"head {found.head}", highlight=False, soft_wrap=True)


@app.command()
def head() -> None:
    """Print the end of the trail; keep it elsewhere, for 'viva audit verify --head'."""
    with open_database(Settings()) as database, database() as session:
        out.print(str(audit.head(session)), highlight=False, soft_wrap=True)


@app.command("list")
def list_events(
    subject: Annotated[
        str | None, typer.Option(help="Only what was done to this grading, question, judge or backup.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many of the newest.")] = 100,
) -> None:
    """Show the newest events, the oldest of them first."""
    table = Table("event", "at", "what", "subject", "by", "details")
    with open_database(Settings()) as database, database() as session:
        for found in AuditRepository(session).newest(DEFAULT_ORGANISATION, subject=subject, limit=limit):
            details = json.dumps(found.details, ensure_ascii=False)
            at = f"{found.at:%Y-%m-%d %H:%M:%S}"
            table.add_row(str(found.id), at, found.kind, escape(found.subject), escape(found.actor), escape(details))
    out.print(table)
