"""OpenTelemetry traces: one span for each inference request, and one for each request to a model that an answer takes.

Names are those of OpenTelemetry's conventions for HTTP and for generative AI; `modelyard.` begins our own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelyard import __version__
from modelyard.core.asgi import Headers
from modelyard.core.errors import CannotStart
from modelyard.core.types import Task
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.paths import PATHS
from modelyard.gateway.tracing import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

log = logging.getLogger(__name__)

OPERATIONS: Mapping[Task, str] = {
    Task.CHAT: "chat",
    Task.COMPLETION: "text_completion",
    Task.EMBEDDING: "embeddings",
}
"""Names of operations in the conventions; other tasks have our name."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
CONTEXT = (b"traceparent", b"tracestate", b"baggage")
"""Headers by which a span names its parent."""
FLUSH_MILLISECONDS = 3000
PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"


@dataclass(frozen=True, slots=True)
class Tracing:
    """Begins spans, and exports those that have ended from a thread of its own."""

    provider: TracerProvider
    tracer: Tracer
    propagator: TraceContextTextMapPropagator

    def begin(self, headers: Headers, parent: Span | None) -> RequestSpan:
        """See `Tracer`."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        if isinstance(parent, RequestSpan):
            context, kind = set_span_in_context(parent.span), SpanKind.INTERNAL
        else:
            context, kind = self.propagator.extract(_context_of(headers)), SpanKind.SERVER
        return RequestSpan(self.tracer.start_span("request", context=context, kind=kind), self.propagator)

    def close(self) -> None:
        """Export what has not been exported yet, for some seconds at most."""
        self.provider.force_flush(FLUSH_MILLISECONDS)
        self.provider.shutdown()


@dataclass(frozen=True, slots=True)
class RequestSpan:
    """See `Span`."""

    span: Any
    """A span of OpenTelemetry's API."""
    propagator: TraceContextTextMapPropagator

    def onward(self, headers: Headers) -> Headers:
        """See `Span`."""
        from opentelemetry.trace import set_span_in_context

        carrier: dict[str, str] = {}
        self.propagator.inject(carrier, set_span_in_context(self.span))
        others = [pair for pair in headers if pair[0] not in CONTEXT[:2]]
        return [*others, *((name.encode(), value.encode("latin-1")) for name, value in carrier.items())]

    def end(self, exchange: Exchange) -> None:
        """See `Span`."""
        from opentelemetry.trace import Status, StatusCode

        if self.span.is_recording():
            operation = operation_of(exchange)
            self.span.update_name(
                f"{operation} {exchange.model}" if exchange.model else f"{exchange.method} {operation}"
            )
            self.span.set_attributes(attributes(exchange))
            if exchange.failed:
                self.span.set_status(Status(StatusCode.ERROR, f"{exchange.status} {exchange.outcome}"))
        self.span.end()


def operation_of(exchange: Exchange) -> str:
    """What a request asks for: the name of its path's task; of paths of dialects, the path."""
    path = PATHS.get(exchange.path)
    if path is None:
        return exchange.path if exchange.known_path else "unknown"
    return OPERATIONS.get(path.task, path.task.value)


def attributes(exchange: Exchange) -> dict[str, str | int | float | bool]:
    """The attributes of the span of a request that has ended; times are in seconds."""
    usage = exchange.usage
    found: dict[str, str | int | float | bool] = {
        "http.request.method": exchange.method,
        "http.response.status_code": exchange.status,
        "gen_ai.operation.name": operation_of(exchange),
        "gen_ai.provider.name": "modelyard",
        "modelyard.request_id": exchange.request_id.decode(),
        "modelyard.outcome": exchange.outcome,
    }
    if exchange.known_path:
        found["url.path"] = exchange.path
    if exchange.model:
        found["gen_ai.request.model"] = found["gen_ai.response.model"] = exchange.model
    if exchange.replica:
        found["modelyard.replica"] = exchange.replica
    if usage.total:
        found["gen_ai.usage.input_tokens"] = usage.tokens_in
        found["gen_ai.usage.output_tokens"] = usage.tokens_out
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cached
        found["modelyard.usage.estimated"] = usage.estimated
    if (seconds := exchange.ttft) is not None:
        found["gen_ai.response.time_to_first_chunk"] = round(seconds, 6)
    if grant := exchange.grant:
        found["modelyard.key"] = grant.name
    if exchange.failed:
        found["error.type"] = exchange.outcome if exchange.outcome == "broken" else str(exchange.status)
    return found


def configured(endpoint: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether traces are to be exported: by our setting, or by the variables that OpenTelemetry defines."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(endpoint or any(environment.get(name) for name in ENDPOINTS))


def tracing(endpoint: str) -> Tracing | None:
    """The tracing of a server; None if it is not configured. `endpoint` is the address of a collector, empty for the variables'.

    Raises `CannotStart` if the setting asks for it and its libraries are missing; the variables, which may be there for other
    programs, get a warning then.
    """
    if not configured(endpoint):
        return None
    try:
        return _provider(endpoint)
    except ModuleNotFoundError as error:
        sentence = f"Traces need the module '{error.name}': pip install {PACKAGES}"
        if endpoint:
            raise CannotStart(f"{sentence}, or remove the setting otlp_endpoint.") from None
        log.warning("%s. The variables of OpenTelemetry have no effect without it.", sentence)
        return None


def _provider(endpoint: str) -> Tracing:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "modelyard"}
    provider = TracerProvider(resource=Resource.create({**named, SERVICE_VERSION: __version__}))
    target = f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=target)))
    return Tracing(provider, provider.get_tracer("modelyard", __version__), TraceContextTextMapPropagator())


def _context_of(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in headers if name in CONTEXT}
