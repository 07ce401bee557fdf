from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vivavoce.graders import build_panel
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.testing import HashingEmbedder, WordVerifier, scripted_panel
from vivavoce.graders.types import EngineIdentity
from vivavoce.service.observability.logs import LogFormat, configure_logs, log_ids
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.verdicts import StoredVerdicts
from vivavoce.workers.grading import process_queue

ANSWER = {"question_id": "27.1", "answer": "INT8 instead of FP16", "language": "en"}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Everything that is traced; the provider can be set once a process, so this stands in for all modules."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in ("vivavoce.service.observability.tracing", "vivavoce.graders.judge.clients.client"):
        monkeypatch.setattr(f"{module}._tracer", provider.get_tracer("test"))
    return exporter


@contextmanager
def _logs(form: LogFormat) -> Iterator[None]:
    # Taken out first: whoever sets logging up closes the handlers that are there.
    root = logging.getLogger()
    before, root.handlers[:] = root.handlers[:], []
    configure_logs(form)
    yield
    root.handlers[:] = before


def test_one_id_leads_from_the_request_to_the_verdict(
    client: httpx.Client,
    database: SessionFactory,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with _logs("json"):
        reply = client.post("/v1/gradings", json=ANSWER, headers={"X-Request-ID": "from-the-caller"})
        process_queue(database, scripted_panel(), settings, owner="w")
    assert reply.headers["x-request-id"] == "from-the-caller"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    lines = [line for line in lines if line["logger"].startswith("vivavoce")]
    ours = [line["message"] for line in lines if line.get("request_id") == "from-the-caller"]
    assert [message.split()[0] for message in ours] == ["grading", "POST", "graded"]
    assert {line["grading_id"] for line in lines if "grading_id" in line} == {reply.json()["id"]}


def test_lines_carry_the_ids(capsys: pytest.CaptureFixture[str]) -> None:
    with _logs("json"), log_ids(request_id="r1", grading_id="g1"):
        logging.getLogger("vivavoce.test").warning("评分 done")
    with _logs("text"), log_ids(request_id="r1"):
        logging.getLogger("vivavoce.test").warning("done")
    first, second = capsys.readouterr().err.splitlines()
    line = json.loads(first)
    del line["time"]
    ids = {"request_id": "r1", "grading_id": "g1"}
    assert line == {"level": "WARNING", "logger": "vivavoce.test", "message": "评分 done", **ids}
    assert second.endswith("vivavoce.test done request_id=r1")


def test_an_id_that_could_break_a_log_line_is_replaced(client: httpx.Client) -> None:
    reply = client.get("/healthz", headers={"X-Request-ID": "a b"})
    assert reply.headers["x-request-id"] not in ("", "a b")


def test_a_trace_leads_from_the_request_to_the_judge(
    client: httpx.Client,
    database: SessionFactory,
    settings: Settings,
    stub_judge: StubJudgeServer,
    spans: InMemorySpanExporter,
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.post("/v1/gradings", json=ANSWER, headers={"traceparent": parent})
    with RubricJudge(
        base_urls=[stub_judge.url],
        identity=EngineIdentity("stub", "stub", "1"),
        secret=b"",
        cache=StoredVerdicts(database),
        deadlines=Deadlines(5, 10),
    ) as judge:
        process_queue(
            database, build_panel(embedder=HashingEmbedder(), verifier=WordVerifier(), judge=judge), settings, owner="w"
        )
    seen = {span.name: trace.format_trace_id(span.context.trace_id) for span in spans.get_finished_spans()}
    assert seen == dict.fromkeys(["POST /v1/gradings", "grade batch", "judge call"], parent.split("-")[1])


def test_ids_nest_and_end_with_their_block(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("vivavoce.test")
    with _logs("text"), log_ids(request_id="r1", grading_id=None):
        with log_ids(grading_id="g1", request_id="r2"):
            log.info("inner")
        log.info("outer")
    inner, outer = capsys.readouterr().err.splitlines()
    assert inner.endswith("inner request_id=r2 grading_id=g1")
    assert outer.endswith("outer request_id=r1")


@pytest.mark.parametrize("name", ["httpx", "alembic", "celery.beat"])
def test_verbose_libraries_log_from_warning_on(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with _logs("text"):
        logging.getLogger(name).info("each request")
        logging.getLogger(name).warning("a failure")
    assert [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()] == ["failure"]


FORGED = "x\n2026-11-29 10:00:00,000 ERROR vivavoce.service.app FORGED"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_text_of_a_caller_begins_a_line(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    with _logs(form):
        for text in (FORGED, "a\r\nb", "a\x00b", "a\x85b\u2028c", "a\x1b[2Jb", "a\u202eb", "a\ud800b"):
            logging.getLogger("vivavoce.test").warning("saw %s", text)
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 8
    assert all("vivavoce.test" in line for line in lines[:-1])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", "".join(lines))


def test_a_traceback_begins_no_line_either(capsys: pytest.CaptureFixture[str]) -> None:
    with _logs("text"):
        try:
            raise ValueError(FORGED)
        except ValueError:
            logging.getLogger("vivavoce.test").exception("failed")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR vivavoce.test failed")
    assert any("FORGED" in line for line in rest)
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_password_of_a_url_is_logged(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://viva:TOPSECRET@db/viva"
    with _logs(form):
        logging.getLogger("vivavoce.test").warning("cannot reach %s", url)
        try:
            raise ValueError(url)
        except ValueError:
            logging.getLogger("vivavoce.test").exception("failed")
    logged = capsys.readouterr().err
    assert "TOPSECRET" not in logged
    assert logged.count("postgresql://db/viva") >= 2


def test_each_500_is_logged_once_and_no_line_is_forged(
    client: httpx.Client, database: SessionFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE grading RENAME TO gone"))
    with _logs("text"):
        reply = client.get(f"/v1/gradings/{'0' * 32}")
        assert client.get("/v1/gradings/x%0a2026-11-29%2010:00:00,000%20ERROR%20FORGED").status_code == 404
    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")
    logged = capsys.readouterr().err
    assert logged.count("Traceback") == 1 + logged.count("direct cause")
    assert len(re.findall(r"^\S+ \S+ ERROR ", logged, re.MULTILINE)) == 1
    assert "GET /v1/gradings/x%0A2026" in logged
