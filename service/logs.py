"""Log lines: one a line, with time, level and logger, on standard error."""

from __future__ import annotations

import logging


def configure_logs(*, level: int = logging.INFO) -> None:
    """Set logging up for a process of ours."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
    for chatty in ("httpx", "httpcore", "alembic", "sentence_transformers"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
