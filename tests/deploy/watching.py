"""What tests ask of the watching: dashboards' queries, a real Prometheus, and the names there are to ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from vivavoce.service.observability import metrics
from vivavoce.service.storage.engine import SessionFactory

from ..servers import free_port, wait_until

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
# What the engines call things, as far as deploy/prometheus/records.yml reads them; tests/engines asks the engines.
LLAMACPP_METRICS = frozenset(
    {
        "llamacpp:prompt_tokens_total",
        "llamacpp:prompt_tokens_cached_total",
        "llamacpp:tokens_predicted_total",
        "llamacpp:requests_processing",
        "llamacpp:requests_deferred",
    }
)
VLLM_METRICS = frozenset(
    {
        "vllm:prompt_tokens_total",
        "vllm:prompt_tokens_cached_total",
        "vllm:generation_tokens_total",
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
    }
)
PROMETHEUS_METRICS = frozenset({"up", "ALERTS"})
_WORDS = frozenset(
    "and or unless on ignoring group_left group_right by without bool offset inf nan start end atan2".split()
)


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel, with Grafana's variables filled in."""

    panel: str
    expr: str


def panel_queries(dashboard: Path, *, window: str = "1m") -> list[PanelQuery]:
    """Every query of a dashboard, all instances chosen; `window` is what Grafana fills in for rates."""
    found = json.loads(dashboard.read_text(encoding="utf-8"))
    filled_in = {"$__rate_interval": window, "$instance": ".*"}
    queries = []
    for panel in found["panels"]:
        for target in panel["targets"]:
            expr = target["expr"]
            for variable, value in filled_in.items():
                expr = expr.replace(variable, value)
            queries.append(PanelQuery(panel["title"], expr))
    return queries


def query(prometheus_url: str, expr: str) -> list[dict[str, Any]]:
    """What an instant query returns: `metric` and `value` of each series."""
    reply = httpx.post(f"{prometheus_url}/api/v1/query", data={"query": expr}, timeout=10, trust_env=False).json()
    assert reply["status"] == "success", f"{expr}: {reply.get('error')}"
    result: list[dict[str, Any]] = reply["data"]["result"]
    return result


def value(prometheus_url: str, expr: str) -> float | None:
    """The value of the only series of a query, or None when there is none."""
    found = query(prometheus_url, expr)
    assert len(found) <= 1, f"{expr}: {found}"
    return float(found[0]["value"][1]) if found else None


def without_data(prometheus_url: str, dashboard: Path) -> list[PanelQuery]:
    """The queries of a dashboard that return nothing, or nothing but NaN."""
    return [
        asked
        for asked in panel_queries(dashboard)
        if all(series["value"][1] == "NaN" for series in query(prometheus_url, asked.expr))
    ]


def wait_for_data(prometheus_url: str, dashboard: Path, *, seconds: float) -> None:
    """Wait until every query of a dashboard returns something; AssertionError names those that do not."""
    deadline = time.monotonic() + seconds
    while gaps := without_data(prometheus_url, dashboard):
        assert time.monotonic() < deadline, f"{dashboard.stem} has no data for {gaps}"
        time.sleep(0.5)


def firing(prometheus_url: str) -> set[str]:
    """Names of the alerts that fire."""
    alerts = httpx.get(f"{prometheus_url}/api/v1/alerts", timeout=10, trust_env=False).json()["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def targets_up(prometheus_url: str) -> dict[str, int]:
    """How many targets of each job answer."""
    counted = query(prometheus_url, "sum by (job) (up)")
    return {series["metric"]["job"]: int(series["value"][1]) for series in counted}


def metric_names(expr: str) -> set[str]:
    """The metrics that a PromQL expression reads."""
    expr = re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', "", expr)
    expr = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expr)
    expr = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", expr)
    names = re.findall(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", expr)
    return {name for name in names if name not in _WORDS}


def rules() -> list[dict[str, Any]]:
    """Every rule of records.yml and alerts.yml."""
    files = [yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8")) for name in ("records.yml", "alerts.yml")]
    return [rule for found in files for group in found["groups"] for rule in group["rules"]]


def known_names(sessions: SessionFactory) -> set[str]:
    """Every name that our processes, the engines, the rules and Prometheus itself give."""
    lines = metrics.exposition(sessions).decode().splitlines()
    types = [line.split()[2:4] for line in lines if line.startswith("# TYPE ")]
    ours = {name for name, _ in types}
    ours |= {name + end for name, kind in types if kind == "histogram" for end in ("_bucket", "_sum", "_count")}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return ours | recorded | LLAMACPP_METRICS | VLLM_METRICS | PROMETHEUS_METRICS


def check_syntax(expressions: Iterable[str], folder: Path) -> None:
    """AssertionError when promtool cannot read one of the expressions."""
    named = [{"record": f"viva:checked_{number}", "expr": expr} for number, expr in enumerate(expressions)]
    file = folder / "checked.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "checked", "rules": named}]}), encoding="utf-8")
    promtool("check", "rules", str(file))


def promtool(*arguments: str) -> None:
    """Run promtool; AssertionError with what it said when it is not content."""
    binary = shutil.which("promtool")
    assert binary, "promtool is missing: run 'make packages'"
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


class PrometheusServer:
    """Prometheus with the deployment's configuration, but with targets that are given by job; a context manager.

    It asks every second, and `wait` takes the place of every `for` of the alerts.
    """

    def __init__(self, folder: Path, targets: Mapping[str, Sequence[int]], *, wait: str) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._write_configuration({**targets, "prometheus": [self._port]}, wait)

    def __enter__(self) -> Self:
        binary = shutil.which("prometheus")
        assert binary, "prometheus is missing: run 'make packages'"
        command = [
            binary,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._is_ready, seconds=30, what="Prometheus is ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process
        self._process.terminate()
        self._process.wait(20)

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self._folder / "log").read_text(encoding="utf-8")
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _write_configuration(self, targets: Mapping[str, Sequence[int]], wait: str) -> None:
        shipped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
        assert {job["job_name"] for job in shipped["scrape_configs"]} == set(targets)
        shipped["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        shipped["scrape_configs"] = [
            {
                "job_name": job,
                "static_configs": [
                    {"targets": [f"127.0.0.1:{port}"], "labels": {"colour": "blue"} if job == "judge" else {}}
                    for port in ports
                ],
            }
            for job, ports in targets.items()
        ]
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
        for name in shipped["rule_files"]:
            found = yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))
            for group in found["groups"]:
                group["interval"] = "1s"
                for rule in group["rules"]:
                    if "for" in rule:
                        rule["for"] = wait
            (self._folder / name).write_text(yaml.safe_dump(found), encoding="utf-8")
