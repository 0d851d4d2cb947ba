"""What the client sends, and what it makes of answers and of errors."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modelyard.client import AsyncClient, Client, types
from modelyard.core import errors
from modelyard.protocol import cluster, models
from tests.client.stub import Asked, Stub, Write, error_answer, json_answer, model, raw_answer, replica


def test_launch_sends_what_was_given_and_engine_options(stub: Stub, client: Client) -> None:
    stub.routes["POST /v1/models"] = json_answer({"model_uid": "m"})
    assert client.launch_model("demo", n_gpu=None, n_ctx="2048", envs={"A": "1"}, wait_ready=False) == "m"
    asked = stub.last()
    assert asked.path == "/v1/models?wait_ready=false"
    assert asked.body == {
        "model_name": "demo",
        "replica": 1,
        "n_worker": 1,
        "n_gpu": None,
        "envs": {"A": "1"},
        "n_ctx": "2048",
    }


def test_listing_is_by_uid(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": [model("a"), model("b")]})
    assert list(client.list_models()) == ["a", "b"]


def test_every_management_call(stub: Stub, client: Client) -> None:
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
    assert client.describe_model("a b")["id"] == "a b"
    client.terminate_model("a b")
    assert client.get_launch_model_progress("m")["progress"] == 0.5
    client.cancel_launch_model("m")
    assert client.get_events("m")[0]["event_content"] == "x"
    assert client.get_logs("m", lines=7, replica="m-rep0")["lines"] == ["l"]
    assert stub.last().path == "/v1/models/m/logs?lines=7&replica=m-rep0"
    assert client.get_replicas("m")[0]["replica_id"] == 0
    assert client.add_replicas("m", 2)["replica"] == 2
    assert client.remove_replica("m", 1) == 1
    assert client.health()["status"] == "ok"
    assert client.get_cluster_version() == {"version": "1"}
    assert client.get_cluster_info(detailed=True) == []
    assert client.get_cluster_devices() == 2
    assert client.is_auth_required() is True


def test_address_and_key_come_from_arguments_or_environment(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.routes["GET /health"] = json_answer({"status": "ok"})
    monkeypatch.setenv("MODELYARD_ENDPOINT", stub.url.removeprefix("http://") + "/v1/")
    monkeypatch.setenv("MODELYARD_API_KEY", "from-env")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client() as client:
        client.health()
    assert stub.last().headers["authorization"] == "Bearer from-env"
    with Client(stub.url, api_key="given") as client:
        client.health()
    assert stub.last().headers["authorization"] == "Bearer given"


def test_the_servers_error_is_raised_as_its_class(stub: Stub, client: Client) -> None:
    stub.routes["GET /v1/models/x"] = error_answer("model_not_found", "Model 'x' not found.", 404)
    stub.routes["POST /v1/models"] = error_answer("unavailable", "Busy.", 503, retry_after="7")
    stub.routes["GET /health"] = raw_answer(b"HTTP/1.1 500 X\r\ncontent-length: 4\r\n\r\nOops")
    with pytest.raises(errors.ModelNotFound, match=r"^Model 'x' not found\.$"):
        client.get_model("x")
    with pytest.raises(errors.Unavailable) as caught:
        client.launch_model("demo")
    assert caught.value.retry_after == 7
    with pytest.raises(errors.InternalError, match="Oops"):
        client.health()


def test_no_server_and_strangers(stub: Stub, client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(url) as nobody, pytest.raises(errors.ServerUnreachable) as caught:
        nobody.list_models()
    assert str(caught.value) == f"No server answers at {url}; start one with `modelyard serve`."
    stub.routes["GET /health"] = raw_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")
    stub.routes["GET /v1/models"] = raw_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    with pytest.raises(errors.ConnectionLost, match="is it a Modelyard server"):
        client.health()
    with pytest.raises(errors.ConnectionLost):
        client.list_models()
    with pytest.raises(errors.InvalidParameter, match="no address"):
        Client("http://127.0.0.1:banana")


def test_launch_waits_longer_than_the_timeout(stub: Stub) -> None:
    arrived, released = threading.Event(), threading.Event()

    def slow(asked: Asked, write: Write) -> None:
        arrived.set()
        released.wait(10)
        json_answer({"model_uid": "m"})(asked, write)

    stub.routes |= {"POST /v1/models": slow, "GET /health": slow}
    with Client(stub.url, timeout=0.05) as client, ThreadPoolExecutor() as threads:
        launch = threads.submit(client.launch_model, "demo")
        assert arrived.wait(10)
        with pytest.raises(errors.ConnectionLost, match="silence"):
            client.health()  # began later and has timed out, so the launch would have
        released.set()
        assert launch.result(10) == "m"


def test_async_twin_has_the_same_methods() -> None:
    def surface(cls: type) -> dict[str, str]:
        found = inspect.getmembers(cls, lambda member: inspect.isfunction(member))
        skip = {"open", "open_bytes", "get_model", "send"}
        return {name: str(inspect.signature(f)) for name, f in found if not name.startswith("_") and name not in skip}

    assert surface(Client) == surface(AsyncClient)


def test_async_calls(stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": [model("a")]})
    stub.routes["GET /v1/models/x"] = error_answer("model_not_found", "No x.", 404)

    async def run() -> None:
        async with AsyncClient(stub.url) as client:
            assert list(await client.list_models()) == ["a"]
            with pytest.raises(errors.ModelNotFound):
                await client.describe_model("x")
        async with AsyncClient("http://127.0.0.1:1") as nobody:
            with pytest.raises(errors.ServerUnreachable):
                await nobody.health()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        *((name, getattr(models, name)) for name in ("ReplicaInfo", "ModelInfo", "LaunchProgress", "ReplicaProgress")),
        *((name, getattr(models, name)) for name in ("Event", "Logs", "ScaleResponse")),
        *((name, getattr(cluster, name)) for name in ("Health", "NodeInfo", "Version")),
    ],
)
def test_dicts_have_the_fields_of_the_protocol(name: str, protocol: Any) -> None:
    assert set(getattr(types, name).__annotations__) == set(protocol.model_fields)


def test_launch_takes_every_field_of_the_protocol() -> None:
    arguments = set(inspect.signature(Client.launch_model).parameters)
    assert set(models.LaunchRequest.model_fields) <= arguments
