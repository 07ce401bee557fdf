from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.types import EngineIdentity

OpenJudge = Callable[..., RubricJudge]


@pytest.fixture
def open_judge() -> Iterator[OpenJudge]:
    """Opens judges on given addresses with short deadlines, and closes them when the test ends."""
    with ExitStack() as stack:

        def open_one(*urls: str, engine: str = "stub", **options: Any) -> RubricJudge:
            arguments = {
                "identity": EngineIdentity(engine=engine, model="stub", revision="1"),
                "secret": b"s",
                "cache": InMemoryVerdictCache(),
                "deadlines": Deadlines(0.5, 1.0),
                **options,
            }
            return stack.enter_context(RubricJudge(base_urls=urls, **arguments))

        yield open_one
