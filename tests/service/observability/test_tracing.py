from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vivavoce.service.observability import tracing
from vivavoce.service.observability.tracing import batch_span, configure_tracing, server_span, trace_parent

FIRST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def _trace_of(parent: str) -> int:
    return int(parent.split("-")[1], 16)


def test_without_a_span_there_is_no_parent() -> None:
    assert trace_parent() is None


def test_a_request_continues_the_trace_of_its_caller(spans: InMemorySpanExporter) -> None:
    with server_span("GET /", {"traceparent": FIRST}):
        parent = trace_parent()
    assert parent
    assert _trace_of(parent) == _trace_of(FIRST)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("GET /", trace.SpanKind.SERVER)


@pytest.mark.parametrize("header", ["", "nonsense", "00-0-0-01"])
def test_a_malformed_parent_starts_a_new_trace(spans: InMemorySpanExporter, header: str) -> None:
    with server_span("GET /", {"traceparent": header}):
        assert trace_parent()
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_a_batch_joins_the_first_trace_and_links_the_others(spans: InMemorySpanExporter) -> None:
    with batch_span("grade batch", [None, FIRST, SECOND, None]):
        pass
    (span,) = spans.get_finished_spans()
    assert span.context
    assert span.context.trace_id == _trace_of(FIRST)
    assert [link.context.trace_id for link in span.links] == [_trace_of(SECOND)]


@pytest.mark.parametrize("parents", [[], [None, None]])
def test_a_batch_without_parents_has_its_own_trace(spans: InMemorySpanExporter, parents: list[str | None]) -> None:
    with batch_span("grade batch", parents):
        pass
    (span,) = spans.get_finished_spans()
    assert (span.parent, list(span.links)) == (None, [])


def test_no_endpoint_leaves_tracing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: pytest.fail("a provider was set"))
    configure_tracing("", role="api")
