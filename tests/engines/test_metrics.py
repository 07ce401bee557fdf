"""The engines' own metrics have the names that deploy/prometheus/records.yml reads."""

from __future__ import annotations

import httpx
import pytest

from vivavoce.rubrics import Rubric

from ..deploy.watching import LLAMACPP_METRICS, VLLM_METRICS
from .conftest import Engine

pytestmark = [pytest.mark.judge, pytest.mark.timeout(900)]


def test_an_engine_shows_prometheus_what_the_dashboards_read(engine: Engine, rubric: Rubric) -> None:
    with engine.open() as judge:
        (found,) = judge.judge(["Weights are kept in fewer bits."], rubric)
    assert found.calls
    shown = httpx.get(f"{engine.url}/metrics", timeout=10, trust_env=False)
    assert shown.headers["content-type"].startswith("text/plain")
    values: dict[str, float] = {}
    for line in shown.text.splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            values[series.partition("{")[0]] = float(value)
    names = LLAMACPP_METRICS if engine.identity.engine == "llamacpp" else VLLM_METRICS
    assert names <= set(values)
    (read,) = [value for name, value in values.items() if name.endswith(":prompt_tokens_total")]
    assert read > 0
