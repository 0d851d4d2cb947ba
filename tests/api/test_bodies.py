"""Bodies that are too large for their route, of strangers and of keys; and what a server's log takes from strangers."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from fastapi import UploadFile

from modelyard.api.bodies import ValueCounter
from modelyard.api.body_sizes import ORDINARY, ORDINARY_VALUES, SMALL
from modelyard.api.routes import ROUTES
from modelyard.web.router import BodyKind
from tests.live import HELLO, Live, live

MOST = 4 * 1024 * 1024
DOCUMENT, UPLOAD = 2 * 1024 * 1024, 6 * 1024 * 1024
SETTINGS = {
    "MODELYARD_MAX_BODY_BYTES": str(MOST),
    "MODELYARD_MAX_DOCUMENT_BYTES": str(DOCUMENT),
    "MODELYARD_MAX_UPLOAD_BYTES": str(UPLOAD),
    "MODELYARD_MAX_JSON_VALUES": "20000",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with an administrator, whose key `server.http` sends, and a base."""
    with live(tmp_path_factory.mktemp("bodies") / "home", SETTINGS) as running:
        running.http.headers["authorization"] = f"Bearer {key(running, 'root')}"
        assert running.http.post("/v1/knowledge_bases", json={"name": "b"}).status_code == 200
        yield running


def key(server: Live, name: str, scopes: list[str] | None = None) -> str:
    answer = server.http.post("/v1/admin/keys", json={"name": name, "scopes": scopes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def announced(server: Live, path: str, size: int, *headers: str, method: str = "POST") -> tuple[int, str]:
    """The answer to a head without a byte of its body: its status and its text."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, f"Content-Length: {size}", "", ""]
    with connect(server) as sock:
        sock.sendall("\r\n".join(lines).encode())
        answer = b""
        while not answer.endswith(b"}") and (part := sock.recv(65536)):
            answer += part
    return int(answer.split(b" ", 2)[1]), answer.decode()


def connect(server: Live) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def test_every_upload_is_declared() -> None:
    uploads = {
        route.path
        for route in ROUTES
        if any(UploadFile.__name__ in str(each.field_info.annotation) for each in route.dependant.body_params)
    }
    assert uploads == {route.path for route in ROUTES if route.body in (BodyKind.DOCUMENT, BodyKind.DOCUMENTS)}


JSON = "Content-Type: application/json"
FORM = "Content-Type: multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("path", "kind", "size", "words"),
    [
        ("/token", JSON, SMALL, "the most that this path takes"),
        ("/v1/auth/refresh", JSON, SMALL, "the most that this path takes"),
        ("/v1/models", JSON, ORDINARY, "the most that this path takes"),
        ("/v1/models", FORM, ORDINARY, "the most that this path takes"),
        ("/v1/knowledge_bases", JSON, ORDINARY, "the most that this path takes"),
        ("/v1/knowledge_bases/b/documents", JSON, ORDINARY, "the most that this path takes"),
        ("/v1/knowledge_bases/b/documents", "Content-Type: application/x-www-form-urlencoded", ORDINARY, "the most"),
        ("/other/embed_texts", JSON, MOST, "MODELYARD_MAX_BODY_BYTES"),
        ("/v1/chat/completions", JSON, MOST, "MODELYARD_MAX_BODY_BYTES"),
        ("/v1/knowledge_bases/b/documents", FORM, UPLOAD, "MODELYARD_MAX_UPLOAD_BYTES"),
        ("/knowledge_base/upload_docs", FORM, UPLOAD, "MODELYARD_MAX_UPLOAD_BYTES"),
        ("/v1/knowledge_bases/b/documents/preview", FORM, DOCUMENT + (1 << 20), "MODELYARD_MAX_DOCUMENT_BYTES"),
    ],
)
def test_an_announced_body_is_refused_before_it_is_read(
    server: Live, path: str, kind: str, size: int, words: str
) -> None:
    authorization = f"Authorization: {server.http.headers['authorization']}"
    for more in ((), ("Expect: 100-continue",)):
        status, answer = announced(server, path, size + 1, kind, authorization, *more)
        assert status == 413
        assert words in answer and str(size) in answer
        assert "connection: close" in answer.lower() and "100 Continue" not in answer


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/knowledge_bases/b/documents", "/knowledge_base/upload_docs", "/chat/chat"]
)
def test_keys_and_scopes_are_checked_before_the_body(server: Live, path: str) -> None:
    reader = key(server, f"reader of {path}", ["models:list"])
    for authorization, expected in (("none", 401), (reader, 403)):
        status, answer = announced(
            server, path, 1 << 40, FORM, f"Authorization: Bearer {authorization}", "Expect: 100-continue"
        )
        assert status == expected
        assert "100 Continue" not in answer


@pytest.mark.parametrize(
    ("path", "size"),
    [("/token", SMALL), ("/v1/models", ORDINARY), ("/other/embed_texts", MOST), ("/v1/chat/completions", MOST)],
)
def test_a_body_without_length_is_counted(server: Live, path: str, size: int) -> None:
    def pieces(total: int) -> Iterator[bytes]:
        yield b'{"x":"'
        for _ in range(total // 4096):
            yield b"a" * 4096
        yield b'"}'

    answer = server.http.post(path, content=pieces(size + 8192), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert str(size) in answer.json()["error"]["message"]
    assert answer.headers["connection"] == "close"
    taken = server.http.post(path, content=pieces(size - 8192), headers={"content-type": "application/json"})
    assert taken.status_code != 413


def test_many_values_are_refused_before_they_are_made(server: Live) -> None:
    before = psutil.Process(server.process.pid).memory_info().rss
    fields = json.dumps({str(number): 1 for number in range(60_000)}).encode()
    for path, most, words in (
        ("/v1/models", ORDINARY_VALUES, "the most that this path takes"),
        ("/other/embed_texts", 20_000, "MODELYARD_MAX_JSON_VALUES"),
    ):
        for content in (fields, b"[" * 60_000, b"[" + b"1," * 60_000 + b"1]"):
            answer = server.http.post(path, content=content, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_values"), answer.text
            assert words in answer.json()["error"]["message"] and str(most) in answer.json()["error"]["message"]
    assert psutil.Process(server.process.pid).memory_info().rss - before < 50 << 20


def test_commas_in_texts_are_no_values(server: Live) -> None:
    text = 'He said: "one, two, [three], {four}\\", ' * 20_000
    answer = server.http.post("/other/embed_texts", json={"texts": [text], "embed_model": "nothing"})
    assert answer.status_code == 200, answer.text


def test_values_are_counted_alike_however_the_text_is_cut() -> None:
    text = json.dumps([{"a\\": ["\\\\", '"', 'b"\\",'], "é": [[], {}, [1, 2]]}, "[{,", "\\"]).encode()
    whole = ValueCounter().add(text)
    for step in range(1, len(text)):
        values = ValueCounter()
        assert [values.add(text[at : at + step]) for at in range(0, len(text), step)][-1] == whole


@pytest.mark.parametrize(
    "form",
    [
        b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(20_000)),
        b"".join(
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="f%d"\r\n\r\n1\r\n' % n
            for n in range(20_000)
        ),
        b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 1_000_000 + b'"\r\n\r\n1\r\n',
        b"--b\r\n" + b"X-A: b\r\n" * 100_000 + b'Content-Disposition: form-data; name="files"\r\n\r\n1\r\n',
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a" * 5_000_000 + b"\r\n",
    ],
    ids=["fields", "files", "a part's header", "headers of a part", "a field"],
)
def test_forms_with_too_much_are_a_400(server: Live, form: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = server.http.post("/v1/knowledge_bases/b/documents", content=form + b"--b--\r\n", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_body"), answer.text


def test_deep_json_is_refused(server: Live) -> None:
    for content in (b"[" * 9000, b'{"a":' * 9000, b"[" * 9000 + b"]" * 9000):
        answer = server.http.post("/v1/models", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_complex"), answer.text


def test_an_upgrade_keeps_its_body_on_both_kinds_of_routes(server: Live) -> None:
    server.launched("m")
    upgrade = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"}
    for path, body in (
        ("/v1/chat/completions", {"model": "m", "messages": HELLO}),
        ("/v1/models/estimate", {"model_name": "modelyard-demo"}),
    ):
        answer = server.http.post(path, json=body, headers=upgrade)
        assert answer.status_code == 200, answer.text


STRANGE = {
    "broken off": b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    "broken off in chunks": b"POST /token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{",
    "bad chunk": b"POST /token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{",
    "bad host": b"GET /nothing HTTP/1.1\r\nHost: [\r\n\r\n",
    "bad host of docs": b"GET /docs HTTP/1.1\r\nHost: [\r\n\r\n",
    "nul in a path": b"GET /static-offline-docs/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "surrogate in a path": b"GET /static-offline-docs/%ed%a0%80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "control characters": b"GET /%1b[2J%0d%0aforged HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\x1bb\r\n\r\n",
    "deep": b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n" + b"[" * 9000,
    "surrogates": b"POST /token HTTP/1.1\r\nHost: localhost\r\n"
    b'Content-Length: 40\r\n\r\n{"username":"\\ud800","password":"\\ud800"}',
    "not UTF-8": b"POST /v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n\xff"
    b"\xfe",
    "a form": b"POST /v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n{}",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an upgrade": b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a range": b"GET /static-offline-docs/swagger-ui.css HTTP/1.1\r\nHost: localhost\r\nRange: bytes=9-1,-\r\n\r\n",
}


def test_strangers_write_nothing_into_the_log(server: Live) -> None:
    """Whatever they send, and wherever they break off. A request with an answer behind each proves that it was dealt with."""
    anybody = httpx.Client(base_url=server.url)
    before = server.output()
    for sent in STRANGE.values():
        for leaves in (True, False):
            with connect(server) as sock:
                sock.sendall(sent)
                if leaves:
                    sock.shutdown(socket.SHUT_WR)
                    assert not re.match(rb"HTTP/1.1 5", sock.recv(65536))
            assert anybody.get("/health").status_code == 200
    assert server.output()[len(before) :] == ""
    anybody.close()
