"""Log lines on standard error: text for people, JSON for machines, with the ids of the work they speak of."""

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
_CHATTY = (
    *("httpx", "httpcore", "alembic", "sentence_transformers"),
    *("celery.app.trace", "celery.beat", "celery.worker.strategy"),
)
_ids: ContextVar[dict[str, str]] = ContextVar("ids", default={})  # noqa: B039  never changed, only replaced


def configure_logs(form: LogFormat = "text", *, level: str = "INFO") -> None:
    """Set logging up for a process of ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_ids)
    if form == "json":
        fields = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=fields, json_ensure_ascii=False
            )
        )
    else:
        handler.setFormatter(_TextFormatter(_LINE))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextmanager
def log_ids(**ids: str | None) -> Iterator[None]:
    """Lines that are logged inside carry these ids, as `request_id` or `grading_id`."""
    token = _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


def _add_ids(record: logging.LogRecord) -> bool:
    record.__dict__.update(_ids.get())
    return True


class _TextFormatter(logging.Formatter):
    """Lines that end with the ids."""

    def format(self, record: logging.LogRecord) -> str:
        """See Formatter."""
        return super().format(record) + "".join(f" {name}={value}" for name, value in _ids.get().items())
