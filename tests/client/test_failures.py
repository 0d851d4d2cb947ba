"""Requests that fail: what the transport says, answers of another shape, and arguments that cannot be sent."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import AsyncClient, AudioModel, ChatModel, Client
from modelyard.client.media import AsyncAudioModel, ImageModel
from modelyard.client.request import Request, anything
from modelyard.client.resources.models import ModelCalls
from modelyard.client.target import ServerTarget
from modelyard.core import errors
from tests.client.stub import SSE_HEAD, Stub, error_answer, http_chunk, json_answer, model, raw_answer

SPEECH = "POST /v1/audio/speech"


@pytest.mark.parametrize(
    ("failure", "kind", "sentence"),
    [
        (httpx.ConnectTimeout(""), errors.ServerUnreachable, "not connected within 5 s"),
        (httpx.ConnectError("[Errno 111] Connection refused"), errors.ServerUnreachable, "`modelyard serve`"),
        (httpx.ConnectError("All connection attempts failed"), errors.ServerUnreachable, "`modelyard serve`"),
        (httpx.ConnectError("no such host"), errors.ServerUnreachable, "no such host"),
        (
            httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
            errors.ServerUnreachable,
            "it does not speak TLS, so its address begins with http://",
        ),
        (httpx.UnsupportedProtocol(""), errors.ServerUnreachable, "begins with http:// or https://"),
        (httpx.ReadTimeout(""), errors.ConnectionLost, "silence for 3 s"),
        (httpx.RemoteProtocolError("peer closed"), errors.ConnectionLost, "peer closed"),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            errors.ConnectionLost,
            "if it speaks TLS, its address begins with https://",
        ),
    ],
)
def test_a_failure_of_the_transport_says_what_happened(
    failure: httpx.RequestError, kind: type[Exception], sentence: str
) -> None:
    target = ServerTarget.find("http://127.0.0.1:1", None, 3.0)
    raised = target.failure(failure)
    assert type(raised) is kind and sentence in str(raised) and target.url in str(raised)


def test_a_refused_connection_is_no_detail_of_the_sentence() -> None:
    target = ServerTarget.find("http://127.0.0.1:1", None, 3.0)
    assert "refused" not in str(target.failure(httpx.ConnectError("[Errno 111] Connection refused")))


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "tab\t"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(errors.InvalidParameter, match=r"api_key.*printable ASCII"):
        Client("http://127.0.0.1:1", api_key=key)


def test_an_address_without_http_is_http_and_one_of_another_protocol_is_refused() -> None:
    assert Client("localhost:1/v1/").base_url == "http://localhost:1"
    with Client("ftp://localhost:1") as client, pytest.raises(errors.ServerUnreachable, match="begins with http"):
        client.cluster.health()


CALLS: dict[str, tuple[str, Callable[[Client], Any], Any]] = {
    "an object": ("GET /v1/models/m", lambda client: client.models.describe("m"), []),
    "a list": ("GET /v1/worker-relaunches", lambda client: client.list_worker_relaunches(), {}),
    "a field": ("GET /v1/downloads", lambda client: client.downloads.list(), {"other": []}),
    "no JSON": ("GET /health", lambda client: client.cluster.health(), None),
}


@pytest.mark.parametrize("shape", CALLS)
def test_an_answer_of_another_shape_is_no_modelyard_server(stub: Stub, client: Client, shape: str) -> None:
    route, call, answer = CALLS[shape]
    stub.routes[route] = json_answer(answer)
    with pytest.raises(errors.ConnectionLost, match=f"{route} was answered with something else"):
        call(client)


def test_an_answer_without_a_body_is_nothing(stub: Stub, client: Client) -> None:
    stub.routes["POST /v1/downloads/m/pause"] = raw_answer(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    assert client.downloads.pause("m") == {}
    stub.routes["POST /v1/downloads/m/resume"] = json_answer({"uid": "m"})
    assert client.downloads.resume("m") == {"uid": "m"}


def test_a_request_can_carry_a_key_of_its_own(stub: Stub) -> None:
    stub.routes["GET /x"] = stub.routes["POST /x"] = json_answer(1)
    with Client(stub.url, api_key="usual") as client:
        for request in (
            Request("GET", "/x", anything, key="other"),
            Request("POST", "/x", anything, body={"a": 1}, key="other"),
        ):
            assert client.send(request) == 1
            assert stub.last().headers["authorization"] == "Bearer other"
        assert stub.last().headers["content-type"] == "application/json"
        client.send(Request("GET", "/x", anything))
        assert stub.last().headers["authorization"] == "Bearer usual"


def test_a_token_replaces_the_key_and_none_leaves_it() -> None:
    with Client("http://127.0.0.1:1") as client:
        assert client._get_token() is None
        client._set_token("one")
        client._set_token(None)
        assert client._get_token() == "one"


def test_an_async_client_reaches_a_unix_socket(tmp_path: Path) -> None:
    async def run(path: Path) -> str:
        async with AsyncClient("http://any", uds=str(path)) as client:
            return (await client.cluster.health())["status"]

    with Stub(tmp_path / "s") as stub:
        stub.routes["GET /health"] = json_answer({"status": "ok"})
        assert asyncio.run(run(tmp_path / "s")) == "ok"
    assert stub.last().path == "/health"


def test_a_method_can_be_called_on_its_group_and_shows_its_signature(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models/m"] = json_answer(model("m"))
    assert ModelCalls.describe(client.models, "m")["id"] == "m"
    assert str(inspect.signature(client.models.describe)).endswith("-> 'ModelDict'")
    with pytest.raises(AttributeError, match="nothing"):
        ModelCalls.describe.nothing  # noqa: B018 - reading it is what fails


def test_a_chat_takes_a_text_with_what_was_said_before(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models/m"] = json_answer(model("m"))
    stub.routes["POST /v1/chat/completions"] = json_answer({"choices": []})
    handle = client.models.get("m")
    assert isinstance(handle, ChatModel)
    before = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    now = {"role": "user", "content": "c"}
    for sent in (handle.chat("c", chat_history=before), handle.chat(prompt="c", chat_history=before)):
        assert sent["choices"] == []
        assert stub.last().body["messages"] == [*before, now]
    handle.chat("c", system_prompt="s")
    assert stub.last().body["messages"] == [{"role": "system", "content": "s"}, now]
    with pytest.raises(errors.BadRequest, match="give messages, or a prompt"):
        handle.chat()


def test_a_file_that_cannot_be_sent_is_refused_before_the_request(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.routes["GET /v1/models/m"] = json_answer(model("m", model_type="image", model_ability=[]))
    handle = client.models.get("m")
    assert isinstance(handle, ImageModel)
    asked = len(stub.requests)
    with pytest.raises(errors.InvalidParameter, match=r"image.*empty"):
        handle.image_to_image([], "a cat")
    with pytest.raises(errors.InvalidParameter, match=r"image.*none\.png' cannot be read"):
        handle.image_to_image(str(tmp_path / "none.png"), "a cat")
    assert len(stub.requests) == asked
    stub.routes["POST /v1/images/variations"] = json_answer({"data": []})
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with (tmp_path / "a.png").open("rb") as opened:
        assert handle.image_to_image(opened, "a cat")["data"] == []
    assert b'name="image"; filename="a.png"' in stub.last().body


BROKEN = raw_answer(SSE_HEAD + http_chunk(b"RIFF") + b"zz\r\n")


def test_a_sound_that_breaks_off_is_an_error(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models/m"] = json_answer(model("m", model_type="audio", model_ability=[]))
    handle = client.models.get("m")
    assert isinstance(handle, AudioModel)
    stub.routes[SPEECH] = BROKEN
    portions = handle.speech("hello", stream=True)
    assert next(portions) == b"RIFF"
    with pytest.raises(errors.ConnectionLost):
        next(portions)
    stub.routes[SPEECH] = error_answer("model_not_ready", "Loading.", 503)
    with pytest.raises(errors.ModelNotReady):
        handle.speech("hello", stream=True)
    stub.routes[SPEECH] = raw_answer(b"")
    with pytest.raises(errors.ConnectionLost):
        handle.speech("hello", stream=True)


def test_a_sound_that_breaks_off_is_an_error_of_an_async_client_too(stub: Stub) -> None:
    stub.routes["GET /v1/models/m"] = json_answer(model("m", model_type="audio", model_ability=[]))
    stub.routes[SPEECH] = BROKEN

    async def run() -> None:
        async with AsyncClient(stub.url) as client:
            handle = await client.models.get("m")
            assert isinstance(handle, AsyncAudioModel)
            portions = await handle.speech("hello", stream=True)
            assert await anext(portions) == b"RIFF"
            with pytest.raises(errors.ConnectionLost):
                await anext(portions)
            stub.routes[SPEECH] = raw_answer(b"")
            with pytest.raises(errors.ConnectionLost):
                await handle.speech("hello", stream=True)
            with pytest.raises(errors.ConnectionLost):
                await handle.speech("hello")

    asyncio.run(run())
