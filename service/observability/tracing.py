"""OpenTelemetry: a span from the request to the verdict, sent out when VIVA_OTLP_ENDPOINT is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_tracer = trace.get_tracer("vivavoce")
_wire = TraceContextTextMapPropagator()


class TracingMissing(Exception):
    """The packages that send traces are not installed."""


def configure_tracing(endpoint: str, *, role: str) -> None:
    """Send spans to an OTLP collector (HTTP); without an endpoint nothing is recorded.

    `role` is api or worker. Raises TracingMissing.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracingMissing(
            "VIVA_OTLP_ENDPOINT is set, but the packages that send traces are missing: install 'vivavoce[tracing]'."
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": f"vivavoce-{role}"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


@contextmanager
def server_span(name: str, headers: Mapping[str, str]) -> Iterator[trace.Span]:
    """A span for a request, in the trace that its headers name."""
    with _tracer.start_as_current_span(name, context=_wire.extract(headers), kind=trace.SpanKind.SERVER) as span:
        yield span


@contextmanager
def batch_span(name: str, parents: Sequence[str | None]) -> Iterator[trace.Span]:
    """A span for a batch: in the first grading's trace, with links to those of the others."""
    contexts = [_wire.extract({"traceparent": parent}) for parent in parents if parent]
    links = [trace.Link(trace.get_current_span(context).get_span_context()) for context in contexts[1:]]
    with _tracer.start_as_current_span(name, context=contexts[0] if contexts else None, links=links) as span:
        yield span


def trace_parent() -> str | None:
    """What continues the current trace in another process (W3C Trace Context), or None without one."""
    carrier: dict[str, str] = {}
    _wire.inject(carrier)
    return carrier.get("traceparent")
