"""`viva judges`: the judges that were examined, and which one is active."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from vivavoce.service import judge_versions
from vivavoce.service.errors import JudgeNotPromoted
from vivavoce.service.judge_versions import figures_of
from vivavoce.service.settings import Settings
from vivavoce.service.storage.repositories import JudgeVersionRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, JudgeVersion
from vivavoce.workers.panel_factory import judge_key

from ..console import err, out
from ..resources import open_database

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Judge versions: how each was examined, and which one is active."
)


@app.command("list")
def list_versions(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all figures.")] = False,
) -> None:
    """Show the versions that 'viva bank qualify --register' made, the newest first."""
    with open_database(Settings()) as database, database() as session:
        found = JudgeVersionRepository(session).newest_first(DEFAULT_ORGANISATION)
    if as_json:
        typer.echo(json.dumps([_as_json(version) for version in found], indent=2, ensure_ascii=False))
        return
    table = Table(
        "version", "model", "revision", "engine", "asked", "in order", "unscored", "|zh - en|", "registered", ""
    )
    for version in found:
        figures = figures_of(version)
        table.add_row(
            version.id,
            escape(version.model),
            escape(version.revision[:12]),
            escape(f"{version.engine} {version.engine_version}".strip()),
            str(version.form["asked"]),
            f"{sum(figures.questions.values())} of {len(figures.questions)}",
            str(figures.unscored),
            "–" if figures.language_gap is None else f"{figures.language_gap:.3f}",
            f"{version.registered_at:%Y-%m-%d %H:%M}",
            _describe_state(version),
        )
    out.print(table)


@app.command()
def promote(
    at_least: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Ask for this share of questions in order, whatever the active version has."),
    ] = None,
) -> None:
    """Make the judge in the settings the active one, if it is registered and its figures hold; else exit status 1.

    They hold when it is no worse than the active version on the questions that both were asked: as many in order, and
    at most one that was in order before and is not now.
    """
    settings = Settings()
    version = _change(settings, lambda session: judge_versions.promote(session, judge_key(settings), at_least=at_least))
    out.print(f"active: {version.id}, {version.model}", highlight=False, soft_wrap=True)


@app.command()
def rollback() -> None:
    """Make the version active again that was so before the present one; exit status 1 when there is none."""
    version = _change(Settings(), judge_versions.rollback)
    out.print(f"active again: {version.id}, {version.model}", highlight=False, soft_wrap=True)


def _change(settings: Settings, change: Callable[[Session], JudgeVersion]) -> JudgeVersion:
    try:
        with open_database(settings) as database, database.begin() as session:
            return change(session)
    except JudgeNotPromoted as error:
        err.print(f"[red]viva:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _describe_state(version: JudgeVersion) -> str:
    if version.is_active:
        return "[green]active[/green]"
    if version.retired_at is None:
        return ""
    return "was active" if version.promoted_at else "taken back"


def _as_json(version: JudgeVersion) -> dict[str, Any]:
    figures = figures_of(version)
    return {
        "id": version.id,
        "active": version.is_active,
        "engine": version.engine,
        "engine_version": version.engine_version,
        "model": version.model,
        "revision": version.revision,
        "prompt_name": version.prompt_name,
        "prompt_hash": version.prompt_hash,
        "form": version.form,
        "share_in_order": figures.share_in_order,
        "figures": version.figures,
        **{
            name: moment.isoformat() if (moment := getattr(version, name)) else None
            for name in ("registered_at", "promoted_at", "retired_at")
        },
    }
