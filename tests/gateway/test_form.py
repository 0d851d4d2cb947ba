"""Finding the model in a multipart form, as real clients write them and as broken ones do."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import ClassVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter, MalformedBody, ModelyardError, WrongContentType
from modelyard.core.types import Address, Endpoint
from modelyard.gateway.form import find_model
from modelyard.gateway.model_call import ModelCall
from modelyard.gateway.paths import PATHS, BodyFormat
from modelyard.protocol.inference import FormRequest
from tests.gateway.conftest import Yard, route

FIELD = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
FORMS = sorted(path for path, row in PATHS.items() if row.format is BodyFormat.FORM)


def encoded(fields: dict[str, str], files: dict[str, tuple[str, bytes]]) -> tuple[bytes, bytes]:
    """Body and content type, as httpx writes them."""
    request = httpx.Request("POST", "http://nobody/", data=fields, files=files)
    return request.read(), request.headers["content-type"].encode()


@pytest.mark.parametrize("name", ["whisper", "语音模型", 'with "quotes"', "a/b"])
def test_the_model_is_found_wherever_its_field_is(name: str) -> None:
    body, kind = encoded(
        {"language": "zh", "model": name, "temperature": "0"}, {"file": ("a.wav", b"\r\n\x00--abc\r\n\r\n")}
    )
    found, place = find_model(body, kind)
    assert found == name
    assert body[place.start : place.end].decode() == name


def test_a_file_that_looks_like_the_field_is_not_the_field() -> None:
    trick = b'\r\nContent-Disposition: form-data; name="model"\r\n\r\nevil\r\n'
    body, kind = encoded({}, {"file": ("a.wav", trick)})
    with pytest.raises(InvalidParameter, match="model"):
        find_model(body, kind)


@given(st.binary(max_size=300))
def test_the_bytes_of_a_file_do_not_matter(data: bytes) -> None:
    body, kind = encoded({"model": "m"}, {"file": ("a.bin", data)})
    assert find_model(body, kind)[0] == "m"


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"{}", b"application/json", WrongContentType),
        (b"", None, WrongContentType),
        (b"", b"multipart/form-data", WrongContentType),
        (b"nothing", b"multipart/form-data; boundary=x", MalformedBody),
        (b"--x\r\nContent-Disp", b"multipart/form-data; boundary=x", MalformedBody),
        (b"--x--\r\n", b"multipart/form-data; boundary=x", InvalidParameter),
        (FIELD + b"\xff\r\n--x--", b"multipart/form-data; boundary=x", InvalidParameter),
        (FIELD + b"\r\n--x--", b'multipart/form-data; boundary="x"', InvalidParameter),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_routed_is_refused(body: bytes, kind: bytes | None, error: type[ModelyardError]) -> None:
    with pytest.raises(error):
        find_model(body, kind)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_routed(noise: bytes) -> None:
    with contextlib.suppress(ModelyardError):
        find_model(b"--x\r\n" + noise, b"multipart/form-data; boundary=x")


class Recorder(http.server.BaseHTTPRequestHandler):
    """Keeps what it was sent."""

    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[Endpoint]:
    """A server that takes any form."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Endpoint("m-rep0-1", Address(host="127.0.0.1", port=server.server_port))
        server.shutdown()


@pytest.mark.parametrize("path", FORMS)
def test_a_form_reaches_the_model_it_names(yard: Yard, elsewhere: Endpoint, path: str) -> None:
    """Byte for byte, files and all; a server elsewhere gets the name that it knows the model by."""
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n--x\r\n'
    rest = b'Content-Disposition: form-data; name="file"; filename="\xe5\xa3\xb0.wav"\r\n\r\n\x00\xff\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    yard.publish(route(elsewhere, tasks=frozenset({PATHS[path].task}), upstream_name="theirs"))
    assert yard.post(form % b"m" + rest, path, content_type=kind).status == 200
    assert Recorder.bodies[-1] == form % b"theirs" + rest
    assert yard.post(form % b"other" + rest, path, content_type=kind).status == 404
    assert yard.post(b"--x--", path, content_type=kind).json["error"]["param"] == "model"
    assert yard.post(b"{}", path, content_type="application/json").status == 415


@pytest.mark.parametrize(
    "part", [b"--b\r\n\r\nx\r\n" * 1001, b"--b\r\ncontent-disposition:" + b";" * 20_000 + b"\r\n\r\nx\r\n"]
)
def test_parts_and_their_heads_are_bounded(part: bytes) -> None:
    with pytest.raises(MalformedBody):
        find_model(part + b"--b--\r\n", b"multipart/form-data; boundary=b")


def test_a_form_for_another_model_differs_in_that_field_alone() -> None:
    kind = b"multipart/form-data; boundary=x"
    head = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    rest = b'\r\n--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nwhisper-1\r\n--x--\r\n'
    body = head + b"whisper-1" + rest
    name, place = find_model(body, kind)
    call = ModelCall(body, FormRequest(model=name), name, place).renamed("语音")
    assert call.body == head + "语音".encode() + rest
    assert (call.model, call.request) == ("语音", FormRequest(model="语音"))
    assert find_model(call.body, kind) == ("语音", call.place)
