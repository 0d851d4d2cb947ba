"""Prometheus metrics of inference requests, updated at the beginning and the end of each request."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from modelyard.gateway.exchange import Exchange

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Meter:
    """Counts requests by path, model and status. Unknown paths and models never become labels."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "modelyard_requests",
            "Inference requests that have ended.",
            ["path", "model", "status", "outcome"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "modelyard_requests_in_flight", "Inference requests that have not ended.", registry=registry
        )
        labels = ["path", "model"]
        self._first_byte = Histogram(
            "modelyard_time_to_first_byte_seconds",
            "From the request's arrival to the first byte of the answer's body.",
            labels,
            buckets=BUCKETS,
            registry=registry,
        )
        self._duration = Histogram(
            "modelyard_request_duration_seconds",
            "From the request's arrival to the end of its answer.",
            labels,
            buckets=BUCKETS,
            registry=registry,
        )
        self._received = Counter("modelyard_request_bytes", "Bytes of request bodies.", labels, registry=registry)
        self._sent = Counter("modelyard_response_bytes", "Bytes of answer bodies.", labels, registry=registry)

    def begin(self) -> None:
        """Count a request that arrived."""
        self._in_flight.inc()

    def end(self, exchange: Exchange) -> None:
        """Count a request that has ended, successfully or not."""
        path, model = exchange.path if exchange.known_path else "", exchange.model
        self._in_flight.dec()
        self._requests.labels(path, model, str(exchange.status), exchange.outcome).inc()
        self._duration.labels(path, model).observe(exchange.ended - exchange.began)
        if exchange.first_byte:
            self._first_byte.labels(path, model).observe(exchange.first_byte - exchange.began)
        self._received.labels(path, model).inc(exchange.bytes_in)
        self._sent.labels(path, model).inc(exchange.bytes_out)

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
