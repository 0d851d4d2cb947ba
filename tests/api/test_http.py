"""How the whole server speaks HTTP: methods of every path, the order of refusals, old clients, and which field an error names."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from modelyard.client import Client
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.paths import PATHS as DIALECT_PATHS
from modelyard.protocol import errors
from tests.live import Live, error_of, live

GATEWAY = "/v1/chat/completions"
JSON = "Content-Type: application/json"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}
SEARCH = "/v1/knowledge_bases/demo/search"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("http") / "home"
    with live(home, {"MODELYARD_CHATCHAT_PORT": "0"}, ("--demo-base",)) as running:
        running.launched("m")
        yield running


@pytest.fixture(scope="module")
def document(server: Live) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get("/openapi.json").json()
    return found


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as its bytes came, until the server closed the connection."""

    status: int
    headers: dict[str, str]
    body: bytes


def raw(server: Live, head: str, body: bytes = b"", port: int | None = None) -> Raw:
    """Send lines of a head, `HOST` standing for the server's own, and read to the end of the connection."""
    port = port or int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        text = head.strip().replace("HOST", f"127.0.0.1:{port}").replace("\n", "\r\n")
        link.sendall(text.encode() + b"\r\n\r\n" + body)
        received = b"".join(iter(lambda: link.recv(65536), b""))
    found, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = found.decode("latin-1").split("\r\n")
    pairs = [line.split(":", 1) for line in lines]
    return Raw(int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs}, rest)


@pytest.mark.parametrize(
    ("path", "compressed"),
    [
        ("/v1/model_registrations/LLM?detailed=true", True),
        ("/openapi.json", True),
        ("/v1/model_registrations/video", False),  # below a kilobyte
        ("/v1/models/m/events?limit=1", False),
    ],
)
def test_long_answers_are_compressed_for_clients_that_accept_it(server: Live, path: str, compressed: bool) -> None:
    head = f"GET {path} HTTP/1.1\nHost: HOST\nConnection: close"
    plain, found = raw(server, head), raw(server, f"{head}\nAccept-Encoding: gzip")
    assert (found.headers.get("content-encoding") == "gzip") is compressed
    assert int(found.headers["content-length"]) == len(found.body)
    assert (gzip.decompress(found.body) if compressed else found.body) == plain.body
    assert len(found.body) < len(plain.body) / 4 or not compressed


def test_streams_and_inference_are_not_compressed(server: Live) -> None:
    headers = {"Accept-Encoding": "gzip"}
    for path, body in (
        ("/v1/knowledge_bases/demo/answer", {"question": "?" * 2000, "stream": True}),
        (GATEWAY, {**CHAT, "max_tokens": 600}),
    ):
        answer = server.http.post(path, json=body, headers=headers)
        assert answer.status_code == 200 and "content-encoding" not in answer.headers, answer.text


def ports(server: Live) -> list[int]:
    found = re.search(r"Chatchat's clients on http://\S+:(\d+)", server.output())
    assert found is not None
    return [int(server.url.rpartition(":")[2]), int(found[1])]


def filled(path: str) -> str:
    """A path of the document with something real in each place."""
    real = {"uid": "m", "base": "demo", "document": "1", "chunk": "1", "type": "LLM", "model_type": "LLM"}
    real |= {"mode": "local_kb", "param": "demo"}
    return re.sub(r"\{(\w+)[^}]*\}", lambda found: real.get(found[1], "1"), path)


def test_head_is_answered_as_get_is(server: Live, document: dict[str, Any]) -> None:
    paths = [path for path, operations in document["paths"].items() if "get" in operations]
    assert len(paths) > 50
    paths.remove("/v1/events")  # without an end
    for path in [*map(filled, paths), "/v1/events?follow=false", "/docs", "/openapi.json"]:
        got = server.http.get(path)
        head = server.http.head(path)
        assert (path, head.status_code, head.content) == (path, got.status_code, b"")
        assert head.headers.get("content-type") == got.headers.get("content-type")
    for port in ports(server):
        for path in ("/health", "/v1/models", "/knowledge_base/list_knowledge_bases", "/docs"):
            answer = raw(server, f"HEAD {path} HTTP/1.1\nHost: HOST\nConnection: close", port=port)
            assert (answer.status, answer.body) == (200, b"")
            assert int(answer.headers["content-length"]) > 10


def test_head_of_a_file_has_its_length(server: Live) -> None:
    path = "/v1/knowledge_bases/demo/documents/1/content"
    size = len(server.http.get(path).content)
    answer = raw(server, f"HEAD {path} HTTP/1.1\nHost: HOST\nConnection: close")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(size))


def test_allow_names_every_method_of_a_path(server: Live, document: dict[str, Any]) -> None:
    """By `OPTIONS` and by 405. Patterns such as `{uid:path}` hold other paths, so a path may have more methods than it lists."""
    for path, operations in document["paths"].items():
        methods = {method.upper() for method in operations}
        expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for answer in (server.http.options(filled(path)), server.http.request("TRACE", filled(path))):
            assert answer.status_code in (200, 405), path
            assert expected <= set(answer.headers["allow"].split(", ")), path
    several = server.http.put("/v1/knowledge_bases/demo")
    assert several.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert "takes DELETE, GET, PATCH, not PUT" in error_of(several)["message"]
    assert raw(server, "OPTIONS * HTTP/1.1\nHost: HOST\nConnection: close").status == 200


@pytest.mark.parametrize("name", ["delete", "index", "preview"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "DELETE", "PUT"])
def test_a_word_is_no_number_of_a_document(server: Live, method: str, name: str) -> None:
    answer = server.http.request(method, f"/v1/knowledge_bases/demo/documents/{name}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


REFUSALS = [
    ("POST", "/nothing", 404, "path_not_found"),
    ("POST", "/health", 405, "method_not_allowed"),
    ("GET", GATEWAY, 405, "method_not_allowed"),
    ("POST", GATEWAY, 400, "malformed_body"),
    ("POST", "/v1/knowledge_bases/none/search", 400, "malformed_body"),
    ("POST", "/v1/knowledge_bases/none/documents/delete", 400, "malformed_body"),
    ("PATCH", "/v1/knowledge_bases/none", 400, "malformed_body"),
    ("PATCH", "/v1/knowledge_bases/none/documents/delete", 405, "method_not_allowed"),
    ("POST", "/v1/models/none/replicas", 400, "malformed_body"),
    ("POST", "/v1/models/none/requests/r/abort", 400, "malformed_body"),
    ("PUT", "/v1/models/none/replicas", 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), REFUSALS)
def test_what_is_wrong_with_a_body_comes_after_its_path(
    server: Live, method: str, path: str, status: int, code: str
) -> None:
    answer = server.http.request(method, path, content=b'{"a":', headers={"content-type": "application/json"})
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


MEANT = [
    ("/health/", "/health"), ("//x/v1//models", "/v1/models"), ("/v1/models/", "/v1/models"),
    ("/v1/chat/completions/", GATEWAY), ("/chat/completions/x", None), ("/v1/v1/embeddings", "/v1/embeddings"),
    ("/embeddings/", "/v1/embeddings"), ("/nothing", None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "meant"), MEANT)
def test_a_path_that_is_nearly_one(server: Live, path: str, meant: str | None) -> None:
    error = error_of(server.http.post(path, json={}))
    assert error["code"] == "path_not_found"
    assert (f"Did you mean {meant}?" in error["message"]) if meant else "Did you mean" not in error["message"]


NAMES = [
    ("/v1/models/org%2Fm%20x", "'org/m x'"), ("/v1/models/%E4%BD%A0", "'你'"), ("/v1/models/kb%3Ademo", "'kb:demo'"),
    ("/v1/models/kb:demo", "'kb:demo'"), ("/v1/knowledge_bases/a%2Bb", "'a+b'"), ("/v1/models/a+b", "'a+b'"),
    ("/v1/models/..%2F..%2Fhealth", "'../../health'"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_encoded_names(server: Live, path: str, name: str) -> None:
    answer = raw(server, f"GET {path} HTTP/1.1\nHost: HOST\nConnection: close")
    assert answer.status == 404
    assert name in json.loads(answer.body)["message"]


def test_clients_of_http_1_0(server: Live) -> None:
    whole = json.dumps(CHAT).encode()
    streamed = json.dumps({**CHAT, "stream": True}).encode()
    answer = raw(server, f"POST {GATEWAY} HTTP/1.0\nHost: HOST\n{JSON}\nContent-Length: {len(whole)}", whole)
    assert (answer.status, json.loads(answer.body)["object"]) == (200, "chat.completion")
    for extra in ("", "\nConnection: keep-alive", "\nExpect: 100-continue"):
        head = f"POST {GATEWAY} HTTP/1.0\nHost: HOST\n{JSON}\nContent-Length: {len(streamed)}{extra}"
        answer = raw(server, head, streamed)
        assert answer.status == 200 and "transfer-encoding" not in answer.headers
        assert answer.headers["connection"] == "close"
        assert answer.body.startswith(b"data: {") and answer.body.endswith(b"data: [DONE]\n\n")
    question = json.dumps({"query": "Which port?", "stream": True}).encode()
    head = f"POST /chat/chat HTTP/1.0\nHost: HOST\n{JSON}\nContent-Length: {len(question)}"
    answer = raw(server, head, question)
    assert answer.status == 200 and "transfer-encoding" not in answer.headers
    assert all(line.startswith((b"data: ", b":")) for line in answer.body.splitlines() if line)


def test_a_health_check_of_http_1_0_names_no_host(server: Live) -> None:
    for request in ("GET /health HTTP/1.0", "HEAD /health HTTP/1.0", "OPTIONS /health HTTP/1.0"):
        assert raw(server, request).status == 200
    assert raw(server, "GET /health HTTP/1.1\nConnection: close").status == 421
    assert raw(server, "GET /health HTTP/1.0\nHost: evil.example").status == 421
    assert raw(server, "POST /v1/models HTTP/1.0\nOrigin: http://evil.example\nContent-Length: 0").status == 403


def test_targets_with_a_host(server: Live) -> None:
    assert raw(server, "GET http://HOST/health HTTP/1.1\nHost: HOST\nConnection: close").status == 200
    assert raw(server, "GET http://evil.example/health HTTP/1.1\nHost: HOST\nConnection: close").status == 421
    assert raw(server, "GET http://HOST/health HTTP/1.1\nHost: evil.example\nConnection: close").status == 421


H2C = (
    "Connection: Upgrade, HTTP2-Settings, close\nUpgrade: h2c\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"
)
UPGRADED = [
    (GATEWAY, CHAT, 200), ("/v1/models/estimate", {"model_name": "modelyard-demo"}, 200),
    (SEARCH, {"query": "port"}, 200), ("/chat/feedback", {"message_id": "none"}, 200),
    ("/v1/models", {"model_name": "m", "model_uid": "m", "model_engine": "fake"}, 409),
]  # fmt: skip


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("path", "body", "status"), UPGRADED)
def test_an_upgrade_to_http_2_keeps_the_body(
    server: Live, path: str, body: dict[str, Any], status: int, chunked: bool
) -> None:
    """`Upgrade: h2c` as Java's HttpClient sends it; the case of the issue, with a `Host` that the server answers to."""
    data = json.dumps(body).encode()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(data)}"
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data) if chunked else data
    answer = raw(server, f"POST {path} HTTP/1.1\nHost: HOST\n{H2C}\n{JSON}\n{framing}", sent)
    assert answer.status == status


def test_expect_continue(server: Live) -> None:
    port = int(server.url.rpartition(":")[2])
    for path, body in ((GATEWAY, CHAT), (SEARCH, {"query": "port"})):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        link.putrequest("POST", path)
        data = json.dumps(body).encode()
        for name, value in (
            ("content-type", "application/json"),
            ("content-length", len(data)),
            ("expect", "100-continue"),
        ):
            link.putheader(name, str(value))
        link.endheaders()
        assert link.sock.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        link.send(data)
        assert link.getresponse().status == 200
        link.close()


QUERIES = [
    ("/v1/models?knowledge_bases=7", 400, "knowledge_bases"), ("/v1/models?knowledge_bases=", 400, "knowledge_bases"),
    ("/v1/models?nonsense=1", 200, None), ("/v1/models/m/logs?lines=3.0", 200, None),
    ("/v1/models/m/logs?lines=3.5", 400, "lines"), ("/v1/models/m/logs?lines=x", 400, "lines"),
    ("/v1/models/m/logs?lines=", 400, "lines"), ("/v1/models/m/logs?lines=5&lines=6", 200, None),
    ("/v1/knowledge_bases/demo/documents/1.0", 200, None), ("/v1/knowledge_bases/demo/documents/1.5", 400, "document"),
    ("/v1/knowledge_bases/demo/documents/x", 400, "document"), ("/v1/knowledge_bases/demo/documents?limit=2.0", 200, None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "status", "param"), QUERIES)
def test_parameters_of_addresses(server: Live, path: str, status: int, param: str | None) -> None:
    answer = server.http.get(path)
    assert answer.status_code == status
    assert status == 200 or error_of(answer)["param"] == param


NUMBERS = [
    ("POST", SEARCH, {"query": "port", "top_k": 4.0}, {"top_k": 4.5}, "top_k"),
    ("POST", "/v1/knowledge_bases/demo/documents/1/preview", {"chunking": {"size": 200.0}}, {"chunking": {"size": 2.5}},
     "chunking.size"),
    ("POST", "/v1/models/estimate", {"model_name": "modelyard-demo", "context_length": 512.0}, {"context_length": 2.5},
     "context_length"),
    ("POST", "/v1/models", {"model_name": "n", "model_engine": "fake", "replica": 1.0, "n_gpu": 0.0, "tokens": 3.0},
     {"tokens": 2.5}, "tokens"),
    ("POST", "/v1/models/m/replicas", None, {"replica": 1.5}, "replica"),
    ("POST", "/v1/admin/keys", None, {"name": "k", "expires_in": 1.5, "requests_per_minute": 1.5}, "requests_per_minute"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "whole", "broken", "param"), NUMBERS)
def test_a_whole_number_may_be_written_with_a_point(
    server: Live, method: str, path: str, whole: Any, broken: dict[str, Any], param: str
) -> None:
    if whole is not None:
        answer = server.http.request(method, path, json=whole)
        assert answer.status_code == 200, answer.text
    answer = server.http.request(method, path, json={**(whole or {}), **broken})
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, followed through its reference."""
    if "$ref" in schema:
        found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def test_a_missing_field_is_named_by_every_route(server: Live, document: dict[str, Any]) -> None:
    """Each required field of each body, left out in turn of a body that has only the others, as nothing of their types."""
    seen = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = resolved(document, content.get("application/json", {}).get("schema", {}))
            for name in schema.get("required", ()):
                answer = server.http.request(method, filled(path), json={})
                chatchat = "chatchat" in operation["tags"]
                assert answer.status_code == (422 if chatchat else 400), (method, path, answer.text)
                body = answer.json()
                seen += 1
                if path in DIALECT_PATHS:  # whose errors have other forms; tests/dialects has tests of them
                    assert any(f"'{each}'" in answer.text for each in schema["required"]), (path, answer.text)
                    continue
                assert body["error"]["param"] == name or name in str(schema["required"][1:]), (method, path, name)
                assert f"'{body['error']['param']}'" in body["message"]
                assert not chatchat or body["detail"][0]["loc"][-1] == body["error"]["param"]
    assert seen > 50


CHATCHAT = [
    ("/chat/chat", {}, "query", "missing"),
    ("/chat/knowledge_base_chat", {"knowledge_base_name": "demo"}, "query", "missing"),
    ("/chat/knowledge_base_chat", {"query": "x", "knowledge_base_name": "demo", "score_threshold": 3}, "score_threshold",
     "less_than_equal"),
    ("/chat/knowledge_base_chat", {"query": "x", "knowledge_base_name": "demo", "temperature": 1.5}, "temperature",
     "less_than_equal"),
    ("/knowledge_base/search_docs", {"query": "x", "knowledge_base_name": "demo", "top_k": "many"}, "top_k", "int_parsing"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "field", "kind"), CHATCHAT)
def test_chatchats_routes_answer_wrong_fields_as_fastapi_does(
    server: Live, path: str, body: dict[str, Any], field: str, kind: str
) -> None:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 422
    found = answer.json()
    assert (found["detail"][0]["loc"], found["detail"][0]["type"]) == (["body", field], kind)
    assert found["error"]["param"] == field and found["message"] == found["error"]["message"]


def test_errors_as_every_client_reads_them(server: Live) -> None:
    answers = [
        server.chat("nobody"),
        server.http.get("/v1/models/nobody"),
        server.http.get("/nothing"),
        server.http.post("/v1/models", json={"replica": "x"}),
        server.http.get("/health", headers={"host": "evil.example"}),
    ]
    for answer in answers:
        body = answer.json()
        assert error_of(answer)["message"] == body["message"] == body["detail"]
        assert body["object"] == "error"
        read = errors.read(answer.status_code, body)
        assert (read.message, read.code) == (body["message"], body["error"]["code"])
    event = json.loads(errors.sse_event(InvalidParameter("x", "y")).removeprefix(b"data: "))
    assert (event["object"], event["message"]) == ("error", event["error"]["message"])


def test_an_older_servers_error_is_still_read() -> None:
    assert errors.read(400, {"object": "error", "message": "from vLLM", "code": 400}).message == "from vLLM"
    found = errors.read(422, {"detail": [{"loc": ["body", "query"], "msg": "Field required", "type": "missing"}]})
    assert found.message == "body.query: Field required"


def test_the_clients_error_names_the_field(server: Live) -> None:
    with Client(server.url) as client, pytest.raises(InvalidParameter) as caught:
        client.search_knowledge("demo", "port", top_k=1000)
    assert caught.value.param == "top_k"


def test_the_document_is_written_once_and_names_each_thing_once(server: Live, document: dict[str, Any]) -> None:
    assert server.http.get("/openapi.json").content == server.http.get("/openapi.json").content
    schemas = document["components"]["schemas"]
    assert "content" in schemas["RequestMessage"]["properties"] and "ReplyMessage" in schemas


def test_bodies_of_get_are_of_no_account(server: Live) -> None:
    answer = server.http.request("GET", "/health", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert isinstance(answer, httpx.Response)


def test_a_request_is_served_once(server: Live) -> None:
    """A merge once left two chains of paths behind each other: the gateway then answered, and tried to answer again."""

    def served(path: str) -> float:
        lines = server.http.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(f'modelyard_requests_total.*"{path}"', line))

    for method, path, body in (
        ("POST", "/v1/chat/completions", CHAT),
        ("GET", "/api/version", None),
    ):
        before = served(path)
        assert server.http.request(method, path, json=body).status_code == 200
        assert served(path) == before + 1
    assert "already completed" not in server.output()
