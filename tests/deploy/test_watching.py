from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.rubrics import Rubric
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory

from ..servers import free_port, wait_until
from ..service.keys import make_key_header
from .watching import (
    DASHBOARDS,
    GRAFANA,
    LLAMACPP_METRICS,
    PROMETHEUS,
    ROOT,
    VLLM_METRICS,
    PrometheusServer,
    check_syntax,
    firing,
    known_names,
    metric_names,
    panel_queries,
    promtool,
    query,
    rules,
    targets_up,
    value,
    wait_for_data,
)

ALERTS = [rule for rule in rules() if "alert" in rule]


def _board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_prometheus_accepts_its_configuration_and_the_rules() -> None:
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_alerts_fire_on_what_they_are_for_and_on_nothing_else() -> None:
    promtool("test", "rules", str(PROMETHEUS / "alerts_test.yml"))


def test_every_alert_is_tried() -> None:
    tried = (PROMETHEUS / "alerts_test.yml").read_text(encoding="utf-8")
    assert {alert["alert"] for alert in ALERTS} == set(re.findall(r'alertname="(\w+)"', tried))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_and_where_the_mend_stands(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"].endswith(".")
    assert f"`{alert['alert']}`" in (ROOT / page).read_text(encoding="utf-8")


def test_every_judge_service_is_asked_under_its_colour() -> None:
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    (judge,) = [job for job in jobs if job["job_name"] == "judge"]
    (relabelled,) = judge["relabel_configs"]
    names = judge["dns_sd_configs"][0]["names"]
    found = {name: re.fullmatch(relabelled["regex"], name) for name in names}
    assert {name: match and match[2] for name, match in found.items()} == {
        "judge-blue": "blue",
        "judge-green": "green",
        "vllm-blue": "blue",
        "vllm-green": "green",
    }


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('sum by (le, job) (rate(a_total{b="c d", e=~"f{2}"}[5m])) / on() group_left() (g:h > 0)', {"a_total", "g:h"}),
        ("max(a) > 1e3 and b unless on(c) vector(0) or d offset 5m", {"a", "b", "d"}),
    ],
)
def test_the_names_in_a_query_are_found(expr: str, names: set[str]) -> None:
    assert metric_names(expr) == names


def test_rules_and_dashboards_ask_for_names_that_exist(database: SessionFactory) -> None:
    known = known_names(database)
    asked = {rule["expr"]: str(rule.get("alert", rule.get("record"))) for rule in rules()}
    asked |= {found.expr: found.panel for board in DASHBOARDS for found in panel_queries(board)}
    assert {where: unknown for expr, where in asked.items() if (unknown := metric_names(expr) - known)} == {}


def test_every_name_of_the_engines_is_read_and_the_stub_shows_it() -> None:
    read = set().union(*(metric_names(rule["expr"]) for rule in rules()))
    assert read >= LLAMACPP_METRICS | VLLM_METRICS
    for engine, names in (("llamacpp", LLAMACPP_METRICS), ("vllm", VLLM_METRICS)):
        with StubJudgeServer(engine=engine) as judge:  # type: ignore[arg-type]  # The loop's literals.
            shown = httpx.get(f"{judge.url}/metrics", trust_env=False)
        assert {line.split()[0] for line in shown.text.splitlines()} == names
        assert shown.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.stem)
def test_prometheus_can_read_every_query_of_a_dashboard(board: Path, tmp_path: Path) -> None:
    check_syntax([found.expr for found in panel_queries(board)], tmp_path)


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.stem)
def test_a_dashboard_is_complete(board: Path) -> None:
    (source,) = yaml.safe_load(
        (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    )["datasources"]
    found = _board(board)
    assert found["uid"] == f"vivavoce-{board.stem}"
    assert found["schemaVersion"] >= 39
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    for panel in found["panels"]:
        asked = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {(one["type"], one["uid"]) for one in asked} == {("prometheus", source["uid"])}, panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]
    used = {name for name in ("$instance",) if name in board.read_text(encoding="utf-8")}
    assert used == {f"${variable['name']}" for variable in found["templating"]["list"]}


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.stem)
def test_panels_do_not_lie_over_one_another(board: Path) -> None:
    places = [panel["gridPos"] for panel in _board(board)["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


class _Stack:
    """Two API replicas, a worker, a judge and Prometheus, all running; `submit` waits for the result."""

    def __init__(
        self, ports: list[int], judge_port: int, prometheus_url: str, rubric: Rubric, key: dict[str, str]
    ) -> None:
        self.url = prometheus_url
        self.judge_port = judge_port
        self._ports = itertools.cycle(ports)
        self._rubric = rubric
        self._key = key

    def submit(self, answer: str) -> str:
        """The state that a grading comes to within seconds."""
        url = f"http://127.0.0.1:{next(self._ports)}"
        body = {"rubric": self._rubric.model_dump(mode="json"), "answer": answer}
        taken = httpx.post(f"{url}/v1/gradings", json=body, headers=self._key, timeout=30, trust_env=False)
        assert taken.status_code == 202, taken.text
        path = f"{taken.headers['location']}?wait=60"
        read = httpx.get(f"{url}{path}", headers=self._key, timeout=90, trust_env=False)
        return str(read.json()["state"])


@contextmanager
def _process(module: str, *options: str, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def stack(
    settings: Settings, database: SessionFactory, redis_url: str, rubric: Rubric, tmp_path: Path
) -> Iterator[_Stack]:
    apis, metrics, worker, judge = [free_port(), free_port()], [free_port(), free_port()], free_port(), free_port()
    environment = {
        "VIVA_REDIS_URL": redis_url,
        "VIVA_JUDGE_URL": f"http://127.0.0.1:{judge}",
        "VIVA_JUDGE_ENGINE": "llamacpp",
        "VIVA_JUDGE_MODEL": "stub",
        "VIVA_JUDGE_REVISION": "1",
    }
    with ExitStack() as open_:
        for port, own in zip(apis, metrics, strict=True):
            serve = ("vivavoce.cli", "serve", "--no-worker", "--port", str(port))
            told = {**environment, "VIVA_METRICS_PORT": str(own)}
            open_.enter_context(_process(*serve, environment=told, log=tmp_path / f"api-{port}.log"))
        told = {**environment, "VIVA_METRICS_PORT": str(worker)}
        open_.enter_context(_process("vivavoce.cli", "work", environment=told, log=tmp_path / "worker.log"))
        for port, path in [
            *((port, "/healthz") for port in apis),
            *((port, "/metrics") for port in [*metrics, worker]),
        ]:
            wait_until(lambda port=port, path=path: _answers(port, path), seconds=60, what=f"port {port} answers")
        targets = {"api": metrics, "worker": [worker], "judge": [judge]}
        prometheus = open_.enter_context(PrometheusServer(tmp_path / "prometheus", targets, wait="2s"))
        yield _Stack(apis, judge, prometheus.url, rubric, make_key_header(database))


@contextmanager
def _judge(port: int, folder: Path) -> Iterator[None]:
    """A judge in a process of its own: killed, it answers on no connection, old or new."""
    stub = ("vivavoce.graders.judge.servers.stub", "--engine", "llamacpp", "--port", str(port))
    with _process(*stub, environment={}, log=folder / "judge.log"):
        wait_until(lambda: _answers(port, "/health"), seconds=30, what="the judge answers")
        yield


@pytest.mark.processes
def test_the_watching_sees_traffic_and_a_judge_that_goes_and_comes_back(stack: _Stack, tmp_path: Path) -> None:
    with _judge(stack.judge_port, tmp_path):
        wait_until(
            lambda: targets_up(stack.url) == {"api": 2, "worker": 1, "judge": 1, "prometheus": 1},
            seconds=20,
            what="all are up",
        )
        states = [stack.submit(f"INT8 instead of FP16, {number}") for number in range(8)]
        assert set(states) <= {"graded", "needs_review"}
        for board in DASHBOARDS:
            wait_for_data(stack.url, board, seconds=30)
        assert value(stack.url, 'sum(vivavoce_gradings_finished_total{state=~"graded|needs_review"})') == 8
        assert value(stack.url, "max(vivavoce_judge_reachable)") == 1
        shares = query(stack.url, "sum by (instance) (vivavoce_http_requests_total{route='/v1/gradings'})")
        assert [series["value"][1] for series in shares] == ["4", "4"]
        wait_until(
            lambda: not firing(stack.url) & {"JudgeDown", "JudgeUnreachable"}, seconds=20, what="the judge is well"
        )

    waiting = threading.Thread(target=stack.submit, args=("INT8 while nobody judges",))
    waiting.start()
    wait_until(lambda: firing(stack.url) >= {"JudgeDown", "JudgeUnreachable"}, seconds=60, what="the alerts fire")
    assert not firing(stack.url) & {"ApiDown", "NoWorker", "DatabaseUnreachable"}
    with _judge(stack.judge_port, tmp_path):
        wait_until(lambda: not firing(stack.url) & {"JudgeDown", "JudgeUnreachable"}, seconds=60, what="they resolve")
    waiting.join()
