"""`viva judges`: the judge versions that were qualified, and which one is active."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from vivavoce.service.errors import JudgeNotPromoted
from vivavoce.service.judges import versions as judge_versions
from vivavoce.service.judges.versions import figures_of
from vivavoce.service.settings import Settings
from vivavoce.service.storage.repositories import JudgeVersionRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, JudgeVersion
from vivavoce.workers.panel_factory import build_judge_key

from ..output.console import err, format_figure, out
from ..resources import open_database

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List, promote and roll back judge versions.")


@app.command("list")
def list_versions(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all figures.")] = False,
) -> None:
    """Show the versions registered with 'viva bank qualify --register', the newest first."""
    with open_database(Settings()) as database, database() as session:
        versions = JudgeVersionRepository(session).newest_first(DEFAULT_ORGANISATION)
    if as_json:
        # rich would wrap and colour the text.
        typer.echo(json.dumps([_version_fields(version) for version in versions], indent=2, ensure_ascii=False))
    else:
        out.print(_build_versions_table(versions))


def _build_versions_table(versions: Sequence[JudgeVersion]) -> Table:
    table = Table(
        "version", "model", "revision", "engine", "asked", "in order", "unscored", "|zh - en|", "registered", ""
    )
    for version in versions:
        figures = figures_of(version)
        table.add_row(
            version.id,
            escape(version.model),
            escape(version.revision[:12]),
            escape(f"{version.engine} {version.engine_version}".strip()),
            str(version.form["asked"]),
            f"{sum(figures.questions.values())} of {len(figures.questions)}",
            str(figures.unscored),
            format_figure(figures.language_gap),
            f"{version.registered_at:%Y-%m-%d %H:%M}",
            _describe_state(version),
        )
    return table


@app.command("promote")
def promote_judge(
    at_least: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Require this share of questions in order, whatever the active version has."),
    ] = None,
) -> None:
    """Make the judge of the settings the active version, if it is registered and good enough.

    It is good enough when it is no worse than the active version on the questions that both were asked: as many in
    order, and at most one newly out of order. Otherwise the exit status is 1.
    """
    settings = Settings()
    key = build_judge_key(settings)
    version = _change_version(settings, lambda session: judge_versions.promote(session, key, at_least=at_least))
    out.print(f"active: {version.id}, {version.model}", highlight=False, soft_wrap=True)


@app.command("rollback")
def roll_back_judge() -> None:
    """Make the version active again that was active before; exit status 1 if there is none."""
    version = _change_version(Settings(), judge_versions.rollback)
    out.print(f"active again: {version.id}, {version.model}", highlight=False, soft_wrap=True)


def _change_version(settings: Settings, change: Callable[[Session], JudgeVersion]) -> JudgeVersion:
    """Run a change in a transaction; a refusal is printed and ends with exit status 1."""
    try:
        with open_database(settings) as database, database.begin() as session:
            return change(session)
    except JudgeNotPromoted as error:
        # Status 1, not 2: deployment scripts tell a refusal from a mistake.
        err.print(f"[red]viva:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _describe_state(version: JudgeVersion) -> str:
    if version.is_active:
        return "[green]active[/green]"
    if version.retired_at is None:
        return ""
    # A rollback clears the date of promotion.
    return "was active" if version.promoted_at else "rolled back"


def _version_fields(version: JudgeVersion) -> dict[str, Any]:
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
