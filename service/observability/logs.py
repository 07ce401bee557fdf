"""Log lines on standard error, as text or JSON, with the ids of the request and the grading they belong to.

No text that a caller chose can begin a line of its own, and no URL shows its password.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

from vivavoce.graders.judge.clients.addresses import hide_credentials

LogFormat = Literal["text", "json"]
_LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
# These log a line for each request, migration or task.
_VERBOSE_LOGGERS = (
    *("httpx", "httpcore", "alembic", "sentence_transformers"),
    *("celery.app.trace", "celery.beat", "celery.worker.strategy"),
)
# Line breaks of every kind, and what turns the direction of text.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ids: ContextVar[dict[str, str]] = ContextVar("ids", default={})  # noqa: B039  never changed, only replaced


def configure_logs(form: LogFormat = "text", *, level: str = "INFO") -> None:
    """Configures the root logger of this process, and closes the handlers that it had."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_ids)
    if form == "json":
        fields = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(_JsonFormatter(_LINE, rename_fields=fields, json_ensure_ascii=False))
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


def _clean(record: logging.LogRecord) -> logging.LogRecord:
    """A copy of a record whose message is final, on one line and without passwords."""
    cleaned = logging.makeLogRecord(record.__dict__)
    message = hide_credentials(record.getMessage())
    cleaned.msg = _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], message)
    cleaned.args = None
    return cleaned


class _TextFormatter(logging.Formatter):
    """Appends the ids to each line; the lines of a traceback are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """See Formatter."""
        ids = "".join(f" {name}={value}" for name, value in _ids.get().items())
        cleaned = _clean(record)
        # Formatter would append these to the first line.
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        cleaned.exc_info = cleaned.exc_text = cleaned.stack_info = None
        lines = [line for line in traceback.splitlines() if line]
        return "\n    ".join([super().format(cleaned) + ids, *lines])

    def formatException(self, ei: Any) -> str:
        """See Formatter."""
        return hide_credentials(super().formatException(ei))


class _JsonFormatter(JsonFormatter):
    """Writes a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """See Formatter."""
        return super().format(_clean(record))

    def formatException(self, ei: Any) -> str:
        """See Formatter."""
        return hide_credentials(str(super().formatException(ei)))
