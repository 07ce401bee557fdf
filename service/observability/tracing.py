"""OpenTelemetry spans from the request to the verdict, exported when VIVA_OTLP_ENDPOINT is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_tracer = trace.get_tracer("vivavoce")
_propagator = TraceContextTextMapPropagator()


class TracingMissing(Exception):
    """The packages that export traces are not installed."""


def configure_tracing(endpoint: str, *, role: str) -> None:
    """Exports spans to an OTLP collector over HTTP; an empty endpoint disables that.

    `role` is `api` or `worker`, the end of the service's name in traces. Raises TracingMissing if the packages for it
    are not installed.
    """
    if not endpoint:
        return
    # An optional dependency, imported only where tracing is on.
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
    """Opens a span for a request, in the trace that its headers name."""
    with _tracer.start_as_current_span(name, context=_propagator.extract(headers), kind=trace.SpanKind.SERVER) as span:
        yield span


@contextmanager
def batch_span(name: str, parents: Sequence[str | None]) -> Iterator[trace.Span]:
    """Opens a span for a batch, in the trace of the first grading that has one, with links to the others."""
    contexts = [_propagator.extract({"traceparent": parent}) for parent in parents if parent]
    # A span has one parent only.
    links = [trace.Link(trace.get_current_span(context).get_span_context()) for context in contexts[1:]]
    with _tracer.start_as_current_span(name, context=contexts[0] if contexts else None, links=links) as span:
        yield span


def trace_parent() -> str | None:
    """Returns the current span as a `traceparent` header (W3C Trace Context), or None without one."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")
