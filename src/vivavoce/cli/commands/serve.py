"""`viva serve`, `viva work`, `viva judge` and `viva migrate`: the processes of a deployment."""

from __future__ import annotations

import os
import tempfile
from typing import Annotated, Literal, cast

import typer

from vivavoce.graders.models.model_files import DEFAULT_JUDGE, find_model
from vivavoce.service.observability.logs import configure_logs
from vivavoce.service.observability.tracing import configure_tracing
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import migrate

from ..errors import UserError
from ..output.console import out
from ..resources import open_engine
from .models import fetch_with_progress

serve_app = typer.Typer(add_completion=False)
work_app = typer.Typer(add_completion=False)
judge_app = typer.Typer(add_completion=False)
migrate_app = typer.Typer(add_completion=False)


@serve_app.command()
def serve_api(
    host: Annotated[str | None, typer.Option(help="Address to listen on (VIVA_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (VIVA_PORT).")] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also grade in this process, with its judge.")
    ] = True,
) -> None:
    """Run the API, by default with a worker and the judge in one process."""
    # Late: `viva work` sets the metrics folder before this import.
    from ..service_process import run_service

    options = {"host": host, "port": port}
    settings = Settings().model_copy(update={name: value for name, value in options.items() if value is not None})
    configure_logs(settings.log_format, level=settings.log_level)
    configure_tracing(settings.otlp_endpoint, role="api")
    run_service(settings, worker=worker)


@work_app.command()
def run_worker(
    concurrency: Annotated[int, typer.Option(min=1, help="Number of worker processes, or threads.")] = 1,
    pool: Annotated[
        str, typer.Option(help="prefork: processes, each with its own models; threads: one process, one set of models.")
    ] = "prefork",
) -> None:
    """Run a Celery worker that grades the answers in the database (needs VIVA_REDIS_URL).

    On SIGTERM it finishes the batches in hand, for VIVA_STOP_SECONDS at most; what is left is requeued.
    """
    settings = Settings()
    if not settings.redis_url:
        raise UserError("VIVA_REDIS_URL is not set: set it, or grade in the service with 'viva serve'.")
    if pool not in ("prefork", "threads"):
        raise UserError(f"There is no pool '{pool}': use prefork or threads.")
    # Read once, when the metrics are imported: processes add up their counts here.
    if settings.metrics_port:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="vivavoce-metrics-")
    from vivavoce.workers.celery_app import run_celery_worker

    run_celery_worker(settings, concurrency=concurrency, pool=cast(Literal["prefork", "threads"], pool))


@judge_app.command()
def serve_judge(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    model: Annotated[str, typer.Option(help="A model that 'viva models fetch' knows.")] = DEFAULT_JUDGE.name,
    fetch: Annotated[bool, typer.Option("--fetch", help="Download the model first, if it is missing.")] = False,
) -> None:
    """Run the embedded judge as a server of its own, for VIVA_JUDGE_URL."""
    from ..service_process import run_judge

    settings = Settings()
    source = find_model(model)
    if fetch:
        fetch_with_progress(source, settings)
    run_judge(settings, source, host=host, port=port)


@migrate_app.command()
def migrate_database() -> None:
    """Bring the database to the newest schema."""
    settings = Settings()
    with open_engine(settings) as engine:
        migrate(engine)
    out.print("The database is up to date.")
