"""`viva`, with three parts that misbehave on demand; everything else is the product.

FAULT_COMMIT_RATE=0.1    so many commits succeed and report that they did not
FAULT_CLOCK_SECONDS=600  the product's clock is this far ahead
FAULT_PLACE=b            the process believes that it runs on a machine of that name
POISON in an answer      kills the process that embeds it; embeddings are hashed words, not a model's
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from vivavoce.cli.main import run
from vivavoce.graders import build_panel
from vivavoce.graders.models.embedder import Vectors
from vivavoce.graders.testing import HashingEmbedder, WordVerifier
from vivavoce.service.storage import clock

_commit_rate = float(os.environ.get("FAULT_COMMIT_RATE", "0"))
_clock_seconds = float(os.environ.get("FAULT_CLOCK_SECONDS", "0"))
_chance = random.Random()
_true_now = clock.now


class _Embedder(HashingEmbedder):
    def embed(self, texts: Sequence[str]) -> Vectors:
        if any("POISON" in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)


def _commit(connection: sa.Connection) -> None:
    if _chance.random() < _commit_rate:
        connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
        raise sa.exc.OperationalError("COMMIT", None, TimeoutError("the reply to the commit was lost"))


def main() -> None:
    if _commit_rate:
        sa.event.listen(sa.Engine, "commit", _commit)
    if _clock_seconds:
        clock.now = lambda: _true_now() + timedelta(seconds=_clock_seconds)
    from vivavoce.workers import panel_factory, worker_id

    if place := os.environ.get("FAULT_PLACE"):
        worker_id._host_and_namespace = lambda: place
    panel_factory.build_embedder = lambda name: _Embedder()
    panel_factory.build_shipped_panel = partial(build_panel, verifier=WordVerifier())
    run()


if __name__ == "__main__":
    main()
