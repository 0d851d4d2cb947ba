"""A collector that receives the traces of a real server: one span a request, children for models that an answer asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from modelyard.core.errors import CannotStart
from modelyard.monitor import tracing
from tests.knowledge.web_server import Reply, Web, web
from tests.live import HELLO, Live, live
from tests.processes import wait_for

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PORT = [{"role": "user", "content": "Which port does the Yard server use?"}]
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@dataclass
class Traced:
    """A server, the collector of its traces, and a model elsewhere that records its requests."""

    live: Live
    collector: Web
    elsewhere: Web

    def ask(self, path: str, body: dict[str, Any], **headers: str) -> tuple[httpx.Response, str]:
        """An answer, and the id of its request."""
        name = f"traced-{uuid.uuid4().hex}"
        return self.live.http.post(path, json=body, headers={"x-request-id": name, **headers}), name

    def spans(self, request: str, count: int = 1) -> list[Span]:
        """The spans of a request, parents first, once there are as many."""

        def look() -> list[Span] | None:
            found = [span for span in self._all() if attributes(span)["modelyard.request_id"] == request]
            return sorted(found, key=lambda span: span.start_time_unix_nano) if len(found) >= count else None

        return wait_for(look)

    def _all(self) -> Iterator[Span]:
        for request in list(self.collector.requests):
            message = ExportTraceServiceRequest.FromString(request.body)
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with web() as collector, web() as elsewhere:
        collector.pages["/v1/traces"] = Reply(b"", "application/x-protobuf")
        settings = {"MODELYARD_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        home = tmp_path_factory.mktemp("traced") / "home"
        with live(home, settings, ("--demo-base",)) as server:
            server.launched("echo")
            server.launched("modelyard-demo")  # which the base asks
            server.launched("slow", tokens=200, tokens_per_second=20)
            server.launched("elsewhere", model_engine="external", base_url=f"{elsewhere.url}/v1")
            yield Traced(server, collector, elsewhere)


def test_an_answer_is_one_span_with_model_replica_tokens_and_time(traced: Traced) -> None:
    answer, name = traced.ask("/v1/chat/completions", {"model": "echo", "messages": HELLO, "stream": True})
    assert answer.status_code == 200
    (span,) = traced.spans(name)
    found = attributes(span)
    assert (span.name, span.kind, span.status.code) == ("chat echo", Span.SPAN_KIND_SERVER, Status.STATUS_CODE_UNSET)
    assert found["gen_ai.operation.name"] == "chat" and found["gen_ai.request.model"] == "echo"
    assert found["http.response.status_code"] == 200 and found["modelyard.replica"].startswith("echo")
    assert found["gen_ai.usage.input_tokens"] > 0 and found["gen_ai.usage.output_tokens"] > 0
    seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert 0 < found["gen_ai.response.time_to_first_chunk"] <= seconds + 0.1


def test_the_caller_is_the_parent_and_the_engine_gets_the_span(traced: Traced) -> None:
    traced.elsewhere.pages["/v1/chat/completions"] = Reply.of({"id": "c", "object": "chat.completion", "choices": []})
    body = {"model": "elsewhere", "messages": HELLO}
    _, name = traced.ask("/v1/chat/completions", body, traceparent=TRACEPARENT, tracestate="vendor=1")
    (span,) = traced.spans(name)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    headers = traced.elsewhere.requests[-1].headers
    assert headers["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01" and headers["tracestate"] == "vendor=1"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": "echo", "max_tokens": 20, "messages": HELLO}),
        ("/v1/responses", {"model": "echo", "input": "hello", "store": False}),
        ("/api/chat", {"model": "echo", "messages": HELLO, "stream": False}),
        ("/v1/chat/completions", {"model": "kb:demo", "messages": PORT}),
    ],
)
def test_what_an_answer_asks_of_models_is_below_its_span(traced: Traced, path: str, body: dict[str, Any]) -> None:
    answer, name = traced.ask(path, body)
    assert answer.status_code == 200, answer.text
    outer, *inner = traced.spans(name, 2)
    assert outer.kind == Span.SPAN_KIND_SERVER and attributes(outer)["url.path"] == path
    assert {span.parent_span_id for span in inner} == {outer.span_id}
    assert {span.trace_id for span in inner} == {outer.trace_id}
    assert all(span.kind == Span.SPAN_KIND_INTERNAL and attributes(span)["modelyard.replica"] for span in inner)


def test_errors_have_a_type_and_a_status(traced: Traced) -> None:
    traced.elsewhere.pages["/v1/chat/completions"] = Reply.of({"error": {"message": "out of order"}}, 500)
    for model, status in (("elsewhere", 502), ("nothing", 404)):
        answer, name = traced.ask("/v1/chat/completions", {"model": model, "messages": HELLO})
        (span,) = traced.spans(name)
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert attributes(span)["error.type"] == str(answer.status_code) and answer.status_code in (status, 500)


def test_a_client_that_leaves_ends_its_span_without_an_error(traced: Traced) -> None:
    name = f"traced-{uuid.uuid4().hex}"
    body = {"model": "slow", "messages": HELLO, "stream": True}
    with traced.live.http.stream("POST", "/v1/chat/completions", json=body, headers={"x-request-id": name}) as answer:
        next(answer.iter_lines())
    (span,) = traced.spans(name)
    assert attributes(span)["modelyard.outcome"] == "left" and span.status.code == Status.STATUS_CODE_UNSET


def test_a_caller_that_is_not_sampled_has_no_span(traced: Traced) -> None:
    body = {"model": "echo", "messages": HELLO}
    _, dark = traced.ask("/v1/chat/completions", body, traceparent=TRACEPARENT.removesuffix("01") + "00")
    _, later = traced.ask("/v1/chat/completions", body)
    traced.spans(later)
    assert dark not in {attributes(span)["modelyard.request_id"] for span in traced._all()}


def test_a_collector_that_is_away_disturbs_nobody(traced: Traced) -> None:
    traced.collector.pages["/v1/traces"] = Reply("", status=503)
    try:
        assert traced.live.chat("echo").status_code == 200
    finally:
        traced.collector.pages["/v1/traces"] = Reply(b"", "application/x-protobuf")


def test_without_its_libraries_the_setting_is_refused_and_the_variables_get_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(endpoint: str) -> tracing.Tracing:
        raise ModuleNotFoundError("No module named 'opentelemetry.sdk'", name="opentelemetry.sdk")

    monkeypatch.setattr(tracing, "_provider", missing)
    with pytest.raises(CannotStart, match="pip install opentelemetry-sdk"):
        tracing.tracing("http://localhost:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    assert tracing.tracing("") is None and "have no effect" in caplog.text


@pytest.mark.parametrize(
    ("endpoint", "environment", "expected"),
    [
        ("", {}, False),
        ("http://c", {}, True),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
        ("http://c", {"OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_traces_are_made_where_somebody_receives_them(
    endpoint: str, environment: dict[str, str], expected: bool
) -> None:
    assert tracing.configured(endpoint, environment) is expected
