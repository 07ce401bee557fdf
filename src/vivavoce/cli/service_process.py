"""Runs the service: the API, by default with a worker and its judge, or the judge alone."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import prometheus_client
import uvicorn

from vivavoce.graders.judge.clients.client import probe
from vivavoce.graders.judge.servers.embedded import serve as run_engine
from vivavoce.graders.models.model_files import ModelSource, verified_model
from vivavoce.rubrics import default_bank
from vivavoce.service.access.local_key import ensure_local_key
from vivavoce.service.app import create_app, warm_up
from vivavoce.service.notifier import EventNotifier, Notifier, SilentNotifier
from vivavoce.service.observability import metrics
from vivavoce.service.settings import Settings, split_urls
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import START_SECONDS, SessionFactory, connect, migrate, sessions
from vivavoce.service.storage.repositories import ApiKeyRepository
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.celery_app import CeleryNotifier
from vivavoce.workers.in_process import InProcessWorker
from vivavoce.workers.panel_factory import open_panel

from .errors import UserError

_log = logging.getLogger(__name__)
_GRACE_SECONDS = 10
_PROBE_SECONDS = 1.0


def run_service(settings: Settings, *, worker: bool) -> None:
    """Run until SIGINT or SIGTERM, then stop in order: no new requests, then the worker, then its judge.

    Raises UserError when the port cannot be used.
    """
    engine = connect(settings.database)
    migrate(engine, patience_seconds=START_SECONDS)
    database = sessions(engine)
    key_file = ensure_local_key(settings, database)
    with ExitStack() as stack:
        if settings.metrics_port:
            stack.enter_context(_expose_metrics(settings.metrics_port, database))
        notifier, judge_status = _start_worker(stack, settings, database) if worker else _notify_outside(settings)
        app = create_app(
            settings,
            sessions=database,
            bank=default_bank(),
            notifier=notifier,
            judge_status=judge_status,
            # Long polls answer before the grace period would cut them off.
            is_stopping=lambda: server.should_exit,
        )
        warm_up(app)
        server = _Server(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        _log.info("listening on http://%s:%d, documentation at /docs", settings.host, settings.port)
        if key_file:
            _log.info("the key for this machine is in %s: 'viva admin local-key' prints it", key_file)
        elif not database.read(lambda session: ApiKeyRepository(session).is_any_active(clock.now())):
            _log.warning("no key works yet, so every request gets 401: make the first with 'viva admin create'")
        # uvicorn exits the process when it cannot listen.
        with suppress(SystemExit):
            server.run()
        if not server.started:
            raise UserError(
                f"Port {settings.port} on {settings.host} cannot be used: choose another with --port or VIVA_PORT."
            )


@contextmanager
def _expose_metrics(port: int, database: SessionFactory) -> Iterator[None]:
    """Serve the metrics on a port of their own, without a key. Raises UserError when the port cannot be used."""
    try:
        server, thread = prometheus_client.start_http_server(port, registry=metrics.of_service(database))
    except OSError:
        raise UserError(
            f"Port {port} for metrics cannot be used: choose another with VIVA_METRICS_PORT, one for each process."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(uvicorn.Server):
    """A server that returns after SIGINT or SIGTERM.

    uvicorn's own raises the signal again once it has stopped, which would end the process before the worker and the
    judge are stopped.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle both signals while the server runs and after it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield


def _start_worker(stack: ExitStack, settings: Settings, database: SessionFactory) -> tuple[Notifier, Callable[[], str]]:
    notifier = EventNotifier()
    # Callbacks run last to first: stop, join in time, close the judge.
    # A batch that waits for the judge fails then, and `threads` joins it.
    threads = ExitStack()
    stack.push(threads)
    panel = stack.enter_context(open_panel(settings, StoredVerdicts(database)))
    worker = InProcessWorker(database, panel, settings, notifier)
    threads.callback(worker.join)
    stack.callback(worker.join, settings.stop_seconds)
    stack.callback(worker.stop)
    worker.start()
    identity = panel.judge.identity
    _log.info("the judge is %s on %s", identity.model, identity.engine)
    return notifier, lambda: _judge_status(panel.judge.urls)


def _notify_outside(settings: Settings) -> tuple[Notifier, Callable[[], str]]:
    """The notifier and judge status of a service whose workers are other processes."""
    # Without Redis the workers only look into the database.
    notifier: Notifier = CeleryNotifier(settings) if settings.redis_url else SilentNotifier()
    urls = split_urls(settings.judge_url)
    return notifier, lambda: _judge_status(urls) if urls else "run by the workers"


def _judge_status(urls: Sequence[str]) -> str:
    """`ok` if every judge server responds, else what is wrong with the others."""
    problems = [problem for url in urls if (problem := probe(url, timeout_seconds=_PROBE_SECONDS))]
    return "; ".join(problems) or "ok"


def run_judge(settings: Settings, source: ModelSource, *, host: str, port: int) -> None:
    """Serve a model with the embedded engine until SIGINT or SIGTERM; raises ModelMissing without its file."""
    model = verified_model(source, settings.models_dir)
    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    run_engine(model=model.path, host=host, port=port, threads=settings.judge_threads, until=stop.wait)
