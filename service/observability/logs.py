"""Log lines on standard error, as text or JSON, with the ids of the request and the grading they belong to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["text", "json"]
_LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
# These log a line for each request, migration or task.
_VERBOSE_LOGGERS = (
    *("httpx", "httpcore", "alembic", "sentence_transformers"),
    *("celery.app.trace", "celery.beat", "celery.worker.strategy"),
)
_ids: ContextVar[dict[str, str]] = ContextVar("ids", default={})  # noqa: B039  never changed, only replaced


def configure_logs(form: LogFormat = "text", *, level: str = "INFO") -> None:
    """Configures the root logger of this process, and closes the handlers that it had."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_ids)
    if form == "json":
        fields = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter(_LINE, rename_fields=fields, json_ensure_ascii=False))
    else:
        handler.setFormatter(_TextFormatter(_LINE))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def log_ids(**ids: str | None) -> Iterator[None]:
    """Adds ids, such as `request_id` or `grading_id`, to every line logged inside; an id of None is left out."""
    token = _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


def _add_ids(record: logging.LogRecord) -> bool:
    record.__dict__.update(_ids.get())
    return True


class _TextFormatter(logging.Formatter):
    """Appends the ids to each line."""

    def format(self, record: logging.LogRecord) -> str:
        """See Formatter."""
        return super().format(record) + "".join(f" {name}={value}" for name, value in _ids.get().items())
