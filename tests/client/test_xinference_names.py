"""Our client in the place of Xinference's: the same names, the same arguments at the same places."""

from __future__ import annotations

import asyncio
import email
import email.policy
import http.server
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xinference_client import RESTfulClient as Peer
from xinference_client.client.restful import restful_client as peer

from modelyard import client as ours
from modelyard.client import AsyncClient, Client
from modelyard.core import errors
from tests.client.stub import Asked, Stub, Write, error_answer, http_chunk, json_answer, model
from tests.live import Live, live

HANDLES = {
    "RESTfulChatModelHandle": "ChatModel",
    "RESTfulGenerateModelHandle": "GenerateModel",
    "RESTfulEmbeddingModelHandle": "EmbeddingModel",
    "RESTfulRerankModelHandle": "RerankModel",
    "RESTfulImageModelHandle": "ImageModel",
    "RESTfulVideoModelHandle": "VideoModel",
    "RESTfulAudioModelHandle": "AudioModel",
}


def methods(cls: type) -> dict[str, Callable[..., Any]]:
    return {name: f for name, f in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("__")}


def positional(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    found = [each.name for each in inspect.signature(function).parameters.values() if each.kind in kinds]
    return [name for name in found if name != "self"]


def keywords(function: Callable[..., Any]) -> set[str]:
    return {each.name for each in inspect.signature(function).parameters.values()}


def test_every_method_of_the_peers_client() -> None:
    private = {"_check_cluster_authenticated"}
    for name, theirs in methods(Peer).items():
        if name in private:
            continue
        mine = getattr(Client, name)
        wanted = positional(theirs)
        assert positional(mine)[: len(wanted)] == wanted, name
        assert hasattr(AsyncClient, name)
    assert ours.RESTfulClient is Client and ours.AsyncRESTfulClient is AsyncClient
    assert issubclass(errors.ModelNotFound, RuntimeError)  # what the peer's callers catch


@pytest.mark.parametrize(("theirs", "mine"), HANDLES.items())
def test_every_method_of_the_peers_handles(theirs: str, mine: str) -> None:
    for name, function in methods(getattr(peer, theirs)).items():
        for cls in (getattr(ours, mine), getattr(ours, f"Async{mine}")):
            known = getattr(cls, name)
            first = positional(function)[:2]
            assert positional(known)[: len(first)] == first, (cls, name)
            accepted = keywords(known)
            assert set(positional(function)) <= accepted or "options" in accepted, (cls, name)


def test_forms_as_the_peer_sends_them(tmp_path: Path) -> None:
    """Both clients upload to one socket; what arrives has the same fields and files."""
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG")
    calls: list[tuple[str, Callable[[Any], Any]]] = [
        ("image", lambda one: one.image_to_image(b"\x89PNG", "a cat", n=2, steps=3)),
        ("image", lambda one: one.image_to_image([b"1", b"2"], "two")),
        ("image", lambda one: one.image_edit(str(picture), "blue", mask=b"mask")),
        ("image", lambda one: one.image_edit([b"1", b"2"], "blue")),
        ("image", lambda one: one.inpainting(b"1", b"2", "a dog", negative_prompt="none")),
        ("image", lambda one: one.ocr(b"1", what="ever")),
        ("image", lambda one: one.text_to_image("猫", size="1*1", seed=1)),
        ("video", lambda one: one.text_to_video("sea", fps=8)),
        ("video", lambda one: one.image_to_video(b"1", "sea", video=b"2")),
        ("video", lambda one: one.flf_to_video(b"1", b"2", "sea")),
        ("audio", lambda one: one.transcriptions(b"RIFF", language="de", timestamp_granularities=["word", "segment"])),
        ("audio", lambda one: one.translations(b"RIFF", prompt="x")),
        ("audio", lambda one: one.create_embedding(b"RIFF")),
        ("audio", lambda one: one.speech("hello", voice="me")),
        ("audio", lambda one: one.speech("hello", prompt_speech=b"RIFF", seed=2)),
    ]
    with Recorder() as server:
        theirs, mine = Peer(server.url), Client(server.url)
        for kind, call in calls:
            server.kind = kind
            call(theirs.get_model("m"))
            expected = server.last
            call(mine.get_model("m"))
            assert server.last == expected
        theirs.close()
        mine.close()


class Recorder:
    """A server that tells what was uploaded: the path, the fields that are not empty, and the files, without their names."""

    def __init__(self) -> None:
        recorder = self
        self.kind = "image"
        self.last: Any = None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answers = {"/v1/cluster/auth": {"auth": False}}
                self.answer(answers.get(self.path, model("m", model_type=recorder.kind, model_ability=[])))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                recorder.last = (self.path, read_body(self.headers["content-type"], body))
                self.answer({})

            def answer(self, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def read_body(kind: str, body: bytes) -> Any:
    """A body as plain data; JSON inside of a field is read, so that its spelling does not matter."""
    if kind.startswith("application/json"):
        value = json.loads(body)
        return {**value, "kwargs": json.loads(value.get("kwargs", "{}"))}
    message = email.message_from_bytes(f"content-type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    found: list[tuple[Any, str, Any]] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_filename():
            found.append((name, "file", data))
        elif data:  # an empty field says as much as none
            text = data.decode()
            found.append((name, "field", json.loads(text) if name == "kwargs" else text.lower()))
    return sorted(found, key=str)


def test_speech_in_portions(stub: Stub) -> None:
    def sound(asked: Asked, write: Write) -> None:
        write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n")
        for portion in (b"one", b"two"):
            write(http_chunk(portion))
        write(b"0\r\n\r\n")

    stub.routes["GET /v1/models/a"] = json_answer(model("a", model_type="audio"))
    stub.routes["POST /v1/audio/speech"] = sound
    with Client(stub.url) as client:
        assert b"".join(client.get_model("a").speech("hi", stream=True)) == b"onetwo"
        assert client.get_model("a").speech("hi") == b"onetwo"
        stub.routes["POST /v1/audio/speech"] = error_answer("unsupported_task", "It cannot speak.", 400)
        with pytest.raises(errors.UnsupportedTask, match="cannot speak"):
            client.get_model("a").speech("hi", stream=True)
        with pytest.raises(errors.InvalidParameter, match="cannot be read"):
            client.get_model("a").transcriptions("/nowhere.wav")

    async def run() -> None:
        stub.routes["POST /v1/audio/speech"] = sound
        async with AsyncClient(stub.url) as client:
            handle = await client.get_model("a")
            assert b"".join([portion async for portion in await handle.speech("hi", stream=True)]) == b"onetwo"

    asyncio.run(run())


def test_logging_in(stub: Stub) -> None:
    stub.routes["GET /v1/cluster/auth"] = json_answer({"auth": False})
    with Client(stub.url) as client:
        client.login("me", "secret")
        assert client._get_token() is None
        stub.routes["GET /v1/cluster/auth"] = json_answer({"auth": True})
        stub.routes["POST /token"] = json_answer({"access_token": "t", "token_type": "bearer"})
        client.login("我", "秘密")
        assert stub.last().body == {"username": "我", "password": "秘密"}
        stub.routes["GET /v1/models"] = json_answer({"data": []})
        client.list_models()
        assert stub.last().headers["authorization"] == "Bearer t"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("peer") / "home") as running:
        yield running


def test_the_routes_of_the_peer_through_our_client(server: Live) -> None:
    record = {
        "version": 2,
        "model_name": "my-own-模型",
        "context_length": 512,
        "model_lang": ["en"],
        "model_ability": ["chat"],
        "model_specs": [
            {
                "model_format": "pytorch",
                "model_size_in_billions": 1,
                "quantization": "none",
                "model_id": "some/where",
                "model_uri": None,
            }
        ],
        "chat_template": "{{ messages }}",
        "stop": [],
        "stop_token_ids": [],
    }
    with ours.RESTfulClient(server.url) as client:
        assert client.register_model("LLM", record, persist=False) is None
        assert client.get_model_registration("LLM", "my-own-模型")["model_name"] == "my-own-模型"
        assert {"model_name": "my-own-模型", "is_builtin": False} in client.list_model_registrations("LLM")
        client.unregister_model("LLM", "my-own-模型")
        assert "llama.cpp" in client.query_engine_by_model_name("modelyard-demo")
        assert "llama.cpp" in client.query_engine_by_model_name("modelyard-demo", model_type=None)
        estimate = client.estimate_memory("modelyard-demo", context_length=512)
        assert estimate["total"] >= estimate["weights"] > 0
        assert isinstance(client.list_cached_models(), list)
        assert client.list_downloads() == []
        with pytest.raises(errors.NotFound):
            client.list_deletable_models("nobody--1B--pytorch--none")
        [gguf] = [
            each for each in client.list_model_versions("LLM", "modelyard-demo") if each["model_format"] == "ggufv2"
        ]
        uid = client.launch_model_by_version(gguf["model_version"], model_uid="versioned")
        assert [each["status"] for each in client.get_instance_info(model_uid=uid)] == ["READY"]
        assert client.abort_request(uid, "nobody")["msg"] == "NOT_FOUND"
        assert client.add_model_replica(uid)["replica_id"] == 1
        assert client.terminate_model_replica(uid, 1) == 1
        with pytest.raises(errors.BadRequest, match="cannot change its parameters"):
            client.reload_model(uid, {})
        with pytest.raises(errors.Conflict):
            client.relaunch_worker(client._get_supervisor_internal_address())
        assert client.upsert_autostart_model({"launch": {"model_name": "modelyard-demo"}})["enabled"] is True
        assert client.get_autostart_model_summary()["total"] == 1
        client.remove_autostart_model("modelyard-demo")
        assert "chat" in client.get_families()
        assert client.get_prompts()
        with pytest.raises(errors.ModelyardError):
            client.get_progress("nobody")
        client.terminate_model(uid)
        assert client.abort_cluster() == {"result": True}
    assert server.process.wait(60) == 0
