"""What the client sends, and what it makes of answers and of errors."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelyard.client import AsyncClient, Client
from modelyard.client.resources.models import ModelCalls
from modelyard.core import errors
from modelyard.protocol import models
from tests.client.stub import Stub, StubRequest, Write, error_answer, json_answer, model, raw_answer, replica


def test_launch_sends_what_was_given_and_engine_options(stub: Stub, client: Client) -> None:
    stub.routes["POST /v1/models"] = json_answer({"model_uid": "m"})
    assert client.models.launch("demo", n_gpu=None, n_ctx="2048", envs={"A": "1"}, wait_ready=False) == "m"
    request = stub.last()
    assert request.path == "/v1/models?wait_ready=false"
    assert request.body == {
        "model_name": "demo",
        "replica": 1,
        "n_worker": 1,
        "n_gpu": None,
        "envs": {"A": "1"},
        "n_ctx": "2048",
    }


def test_listing_is_by_uid(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": [model("a"), model("b")]})
    assert list(client.models.list()) == ["a", "b"]


def test_every_management_call_reads_its_answer(stub: Stub, client: Client) -> None:
    stub.routes |= {
        "GET /v1/models/a%20b": json_answer(model("a b")),
        "DELETE /v1/models/a%20b": json_answer(None),
        "GET /v1/models/m/progress": json_answer({"progress": 0.5, "stage": "loading"}),
        "POST /v1/models/m/cancel": json_answer(None),
        "GET /v1/models/m/events": json_answer([{"event_content": "x"}]),
        "GET /v1/models/m/logs": json_answer({"uid": "m", "replica": None, "lines": ["l"]}),
        "GET /v1/models/m/replicas": json_answer([replica(0, "m")]),
        "POST /v1/models/m/replicas": json_answer({"replica": 2, "replicas": []}),
        "DELETE /v1/models/m/replicas/1": json_answer({"remaining_replicas": 1}),
        "GET /health": json_answer({"status": "ok", "version": "1", "models": {}}),
        "GET /v1/cluster/version": json_answer({"version": "1"}),
        "GET /v1/cluster/info": json_answer([]),
        "GET /v1/cluster/devices": json_answer(2),
        "GET /v1/cluster/auth": json_answer({"auth": True}),
    }
    assert client.models.describe("a b")["id"] == "a b"
    client.models.terminate("a b")
    assert client.models.progress("m")["progress"] == 0.5
    client.models.cancel("m")
    assert client.models.events("m")[0]["event_content"] == "x"
    assert client.models.logs("m", lines=7, replica="m-rep0")["lines"] == ["l"]
    assert stub.last().path == "/v1/models/m/logs?lines=7&replica=m-rep0"
    assert client.replicas.list("m")[0]["replica_id"] == 0
    assert client.replicas.add("m", 2)["replica"] == 2
    assert client.replicas.remove("m", 1) == 1
    assert client.cluster.health()["status"] == "ok"
    assert client.cluster.version() == {"version": "1"}
    assert client.cluster.nodes(detailed=True) == []
    assert client.cluster.devices() == 2
    assert client.cluster.auth_required() is True


def test_address_and_key_come_from_arguments_or_environment(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.routes["GET /health"] = json_answer({"status": "ok"})
    monkeypatch.setenv("MODELYARD_ENDPOINT", stub.url.removeprefix("http://") + "/v1/")
    monkeypatch.setenv("MODELYARD_API_KEY", "from-env")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client() as client:
        client.cluster.health()
    assert stub.last().headers["authorization"] == "Bearer from-env"
    with Client(stub.url, api_key="given") as client:
        client.cluster.health()
    assert stub.last().headers["authorization"] == "Bearer given"


def test_the_servers_error_is_raised_as_its_class(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models/x"] = error_answer("model_not_found", "Model 'x' not found.", 404)
    stub.routes["POST /v1/models"] = error_answer("unavailable", "Busy.", 503, retry_after="7")
    stub.routes["GET /health"] = raw_answer(b"HTTP/1.1 500 X\r\ncontent-length: 4\r\nconnection: close\r\n\r\nOops")
    with pytest.raises(errors.ModelNotFound, match=r"^Model 'x' not found\.$"):
        client.models.get("x")
    with pytest.raises(errors.Unavailable) as caught:
        client.models.launch("demo")
    assert caught.value.retry_after == 7
    with pytest.raises(errors.InternalError, match="Oops"):
        client.cluster.health()


def test_no_server_and_other_servers_are_told_apart(stub: Stub, client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(url) as nobody, pytest.raises(errors.ServerUnreachable) as caught:
        nobody.models.list()
    assert str(caught.value).startswith(
        f"No server answers at {url}; start one with `modelyard serve`, or name its address"
    )
    stub.routes["GET /health"] = raw_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>")
    stub.routes["GET /v1/models"] = raw_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    with pytest.raises(errors.ConnectionLost, match="is it a Modelyard server"):
        client.cluster.health()
    with pytest.raises(errors.ConnectionLost):
        client.models.list()
    with pytest.raises(errors.InvalidParameter, match="no address"):
        Client("http://127.0.0.1:banana")


def test_launch_waits_longer_than_the_timeout(stub: Stub) -> None:
    arrived, released = threading.Event(), threading.Event()

    def slow(request: StubRequest, write: Write) -> None:
        arrived.set()
        released.wait(10)
        json_answer({"model_uid": "m"})(request, write)

    stub.routes |= {"POST /v1/models": slow, "GET /health": slow}
    with Client(stub.url, timeout=0.05) as client, ThreadPoolExecutor() as threads:
        launch = threads.submit(client.models.launch, "demo")
        assert arrived.wait(10)
        with pytest.raises(errors.ConnectionLost, match="silence"):
            client.cluster.health()  # began later and has timed out, so the launch would have
        released.set()
        assert launch.result(10) == "m"


def test_an_async_client_raises_the_same_errors(stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": [model("a")]})
    stub.routes["GET /v1/models/x"] = error_answer("model_not_found", "No x.", 404)

    async def run() -> None:
        async with AsyncClient(stub.url) as client:
            assert list(await client.models.list()) == ["a"]
            with pytest.raises(errors.ModelNotFound):
                await client.models.describe("x")
        async with AsyncClient("http://127.0.0.1:1") as nobody:
            with pytest.raises(errors.ServerUnreachable):
                await nobody.cluster.health()

    asyncio.run(run())


def test_launch_takes_every_field_of_the_protocol() -> None:
    arguments = set(inspect.signature(ModelCalls.launch).parameters)
    assert set(models.LaunchRequest.model_fields) <= arguments
