"""What the gateway answers by itself: every wrong request gets its own sentence, and never a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.core.types import Address, Endpoint, Task
from modelyard.gateway.paths import PATHS, BodyFormat
from tests.gateway.conftest import Replica, Reply, Yard, chat, refusing, route

ROUTES = sorted(path for path, row in PATHS.items() if row.format is BodyFormat.JSON)


def code(reply: Reply) -> str:
    """The error's code, after checking that the envelope is whole."""
    error = reply.json["error"]
    assert reply.json["detail"] == error["message"]
    assert set(error) == {"message", "type", "code", "param"}
    assert reply.headers["x-request-id"]
    return str(error["code"])


@pytest.mark.parametrize("path", ROUTES)
def test_a_wrong_method_is_a_405(yard: Yard, path: str) -> None:
    reply = yard.send("GET", path, None, {})
    assert (reply.status, code(reply), reply.headers["allow"]) == (405, "method_not_allowed", "OPTIONS, POST")


def test_other_paths_are_a_404(yard: Yard) -> None:
    assert yard.gateway.handles("/v1/chat/completions")
    for path in ("/v1/models", "/fake/stats", "/v1/chat/completions/", "/", "/v1/chat/../../health"):
        assert not yard.gateway.handles(path)
        assert yard.post(chat(), path).status == 404


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x", ""])
def test_a_wrong_content_type_is_a_415(yard: Yard, kind: str) -> None:
    reply = yard.post(chat(), content_type=kind)
    assert (reply.status, code(reply)) == (415, "wrong_content_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
def test_json_by_other_names_is_accepted(yard: Yard, replica: Replica, kind: str) -> None:
    yard.publish(route(replica.endpoint))
    assert yard.post(chat(), content_type=kind).status == 200


def test_a_body_without_content_type_is_refused(yard: Yard, replica: Replica) -> None:
    """A page of another site can send one without asking; who may is told what to add."""
    yard.publish(route(replica.endpoint))
    reply = yard.send("POST", "/v1/chat/completions", json.dumps(chat()).encode(), {})
    assert (reply.status, code(reply)) == (415, "wrong_content_type")
    assert "Content-Type: application/json" in reply.json["detail"]


def test_compressed_bodies_are_refused(yard: Yard) -> None:
    assert yard.post(b"\x1f\x8b", content_encoding="gzip").status == 415


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe{}", b'{"model": "\xff"}', b"[" * 100_000]
)
def test_a_malformed_body_is_a_400(yard: Yard, body: bytes) -> None:
    reply = yard.post(body)
    assert (reply.status, code(reply)) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 0}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_invalid_parameter_is_named(yard: Yard, change: dict[str, Any], param: str) -> None:
    reply = yard.post(chat() | change)
    assert (reply.status, code(reply), reply.json["error"]["param"]) == (400, "invalid_parameter", param)


@pytest.mark.parametrize("path", ROUTES)
def test_model_is_required(yard: Yard, path: str) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "prompt": "x", "input": "x", "query": "x", "documents": []}
    reply = yard.post(body, path)
    assert (reply.status, reply.json["error"]["param"]) == (400, "model")


def test_unknown_model_names_its_neighbour(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint, name="qwen3"), route(name="loading"))
    reply = yard.post(chat("qwen"))
    assert (reply.status, code(reply)) == (404, "model_not_found")
    assert "'qwen3'" in reply.json["detail"]
    assert "loading" not in reply.json["detail"]


def test_a_model_without_the_task_is_a_400(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint, tasks=frozenset({Task.EMBEDDING})))
    reply = yard.post(chat())
    assert (reply.status, code(reply)) == (400, "unsupported_task")
    assert "embedding" in reply.json["detail"]


def test_an_unsupported_parameter_is_a_400(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint, rules=refusing(logprobs="no such kernel", guided_json="no grammar")))
    for bad in ({"logprobs": True}, {"guided_json": {"type": "object"}}):
        reply = yard.post(chat(**bad))
        assert (reply.status, code(reply), reply.json["error"]["param"]) == (
            400,
            "unsupported_parameter",
            next(iter(bad)),
        )
    for good in ({"logprobs": None}, {"logprobs": False}, {"guided_json": ""}, {"user": '"guided_json"'}):
        assert yard.post(chat(**good)).status == 200


def test_a_model_without_replica_is_a_503(yard: Yard) -> None:
    yard.publish(route(reason="loading weights, 40 %"))
    reply = yard.post(chat())
    assert (reply.status, code(reply), reply.headers["retry-after"]) == (503, "model_not_ready", "5")
    assert "loading weights, 40 %" in reply.json["detail"]


def test_starting_model_is_not_ready_rather_than_unable(yard: Yard) -> None:
    yard.publish(route(tasks=frozenset()))
    assert yard.post(chat()).status == 503


def test_a_body_announced_too_large_is_a_413(make_yard: Callable[..., Yard]) -> None:
    yard = make_yard(max_body_bytes=2000)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with yard.raw(head + b"content-length: 10000000000\r\nexpect: 100-continue\r\n\r\n") as sock:
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert b"100 Continue" not in sock.recv(65536)


@pytest.mark.parametrize("size", [2001, 3_000_000])
def test_a_body_too_large_is_a_413(make_yard: Callable[..., Yard], size: int) -> None:
    """A client that sends all before it reads must not be cut off before it has the answer."""
    reply = make_yard(max_body_bytes=2000).post(b"x" * size)
    assert (reply.status, code(reply)) == (413, "body_too_large")


def test_a_chunked_body_too_large_is_a_413(make_yard: Callable[..., Yard]) -> None:
    yard = make_yard(max_body_bytes=2000)
    connection = yard.connect()
    pieces = iter([b"x" * 1000] * 5)
    connection.request("POST", "/v1/completions", pieces, {"content-type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_endless_body_is_not_read_to_its_end(make_yard: Callable[..., Yard]) -> None:
    yard = make_yard(max_body_bytes=2000)
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with yard.raw(head) as sock, pytest.raises(OSError):
        for _ in range(100_000):
            sock.sendall(piece)


def test_chunked_bodies_and_expectations_are_accepted(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    body = json.dumps(chat()).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n"
    with yard.raw(head + b"content-type: application/json\r\nconnection: close\r\n\r\n") as sock:
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for byte in (body[:10], body[10:]):
            sock.sendall(b"%x\r\n%b\r\n" % (len(byte), byte))
        sock.sendall(b"0\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_sane_request_ids_are_kept(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    assert yard.post(chat(), x_request_id="mine-42").headers["x-request-id"] == "mine-42"
    made = {yard.post(chat(), x_request_id=bad).headers["x-request-id"] for bad in ("a b", "x" * 200, '"')}
    assert len(made) == 3
    assert all(each.startswith("req-") for each in made)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "messages",
        "prompt",
        "input",
        "query",
        "documents",
        "n",
        "stop",
        "stream",
        "enable_thinking",
        "max_tokens",
        "top_k",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(ROUTES), body=st.binary(max_size=200) | st.dictionaries(FIELDS, VALUES).map(json.dumps))
def test_no_body_is_a_500(fuzzed: Yard, path: str, body: bytes | str) -> None:
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    reply = fuzzed.post(data, path)
    assert reply.status == 400
    assert code(reply)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(ROUTES), fields=st.dictionaries(FIELDS | st.text(max_size=5), VALUES))
def test_no_body_for_a_known_model_is_a_500(fuzzed: Yard, path: str, fields: dict[str, Any]) -> None:
    """Behind the checks: rewriting, picking, and a replica that refuses connections."""
    full = {"messages": [{"role": "user", "content": "x"}], "prompt": "x", "input": "x", "query": "x", "documents": []}
    reply = fuzzed.post(full | fields | {"model": "gone"}, path)
    assert reply.status in (400, 503)
    assert code(reply) in (
        "invalid_parameter",
        "malformed_body",
        "unsupported_parameter",
        "unsupported_task",
        "model_not_ready",
    )


@pytest.fixture
def fuzzed(yard: Yard) -> Yard:
    dead = [Endpoint(f"dead{i}", Address(uds=f"/nonexistent/{i}")) for i in range(2)]
    yard.publish(route(*dead, name="gone", upstream_name="other", rules=refusing(top_k="fuzz", stop="fuzz")))
    return yard
