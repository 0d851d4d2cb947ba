"""A gateway behind a real uvicorn server, and fake replicas in real processes. Tests talk to it over sockets."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop

from modelyard.core.config import Settings
from modelyard.core.rules import Refuse, Rules
from modelyard.core.traffic import Traffic
from modelyard.core.types import Address, Endpoint, Launch, Model, ReplicaState, Route, RouteTable, Task
from modelyard.engines.fake import engine
from modelyard.gateway.app import Gateway
from modelyard.gateway.http1 import bounded

TOKEN = "secret-of-the-replica"
MESSAGES = [{"role": "user", "content": "hello there"}]
ALL = frozenset({Task.CHAT, Task.COMPLETION, Task.EMBEDDING, Task.RERANK})


def chat(model: str = "m", stream: bool = False, **more: Any) -> dict[str, Any]:
    """A chat request; `fake=` holds the knobs of the engine for this one request."""
    return {"model": model, "messages": MESSAGES, "stream": stream} | more


@dataclass
class Replica:
    """A fake engine in its own process."""

    endpoint: Endpoint
    process: subprocess.Popen[str]

    @property
    def token(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.endpoint.headers}

    def connect(self) -> http.client.HTTPConnection:
        """A connection straight to the engine."""
        address = self.endpoint.address
        connection = http.client.HTTPConnection(address.host, address.port or 1, timeout=20)
        if address.uds:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(20)
            connection.sock.connect(address.uds)
        return connection

    def stats(self) -> dict[str, int]:
        connection = self.connect()
        connection.request("GET", "/fake/stats", headers=self.token)
        answer: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def start_replica(address: Address, name: str = "m-rep0-1", uid: str = "m", **options: Any) -> Replica:
    """Start a fake engine and return once it listens."""
    command = engine.command(Launch(uid, Model(uid, format="fake"), "fake", options), address, TOKEN)
    environment = {**os.environ, **command.env}
    process = subprocess.Popen(command.argv, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert "listens" in process.stdout.readline()
    return Replica(Endpoint(name, address, command.headers), process)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def refusing(**reasons: str) -> Rules:
    """Rules that refuse parameters of chats and completions, each for a reason."""
    refused = {name: Refuse(why) for name, why in reasons.items()}
    return Rules({Task.CHAT: refused, Task.COMPLETION: refused})


def route(*endpoints: Endpoint, name: str = "m", **more: Any) -> Route:
    state = ReplicaState.READY if endpoints else ReplicaState.STARTING
    fields: dict[str, Any] = {"uid": name, "state": state, "tasks": ALL, **more}
    return Route(name=name, endpoints=endpoints, **fields)


def table(*routes: Route) -> RouteTable:
    return RouteTable({each.name: each for each in routes})


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Yard:
    """A gateway that serves on loopback, in a thread of its own."""

    gateway: Gateway
    traffic: Traffic
    port: int
    loop: asyncio.AbstractEventLoop
    mishaps: list[str] = field(default_factory=list)
    """What the event loop's exception handler was told."""

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """The result of a call made on the gateway's loop."""

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def publish(self, *routes: Route) -> None:
        self.on_loop(lambda: self.gateway.publish(table(*routes)))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def raw(self, data: bytes) -> socket.socket:
        """A socket on which `data` was sent."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        sock.sendall(data)
        return sock

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post(self, body: Any, path: str = "/v1/chat/completions", **headers: str) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, data, {"content-type": "application/json"} | named)

    def idle(self) -> bool:
        """Whether nothing is in flight and no task but the server's own runs."""
        return bool(self.on_loop(lambda: not self.traffic.in_flight and len(asyncio.all_tasks()) <= 2))

    def check(self) -> None:
        """No request, task or exception was leaked."""
        until(self.idle, f"still in flight: {dict(self.traffic.in_flight)}")
        assert not self.mishaps


def until(condition: Callable[[], bool], problem: str, seconds: float = 10.0) -> None:
    """Return when a condition that another process or thread brings about holds."""
    event = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        event.wait(0.005)
    raise AssertionError(problem)


@pytest.fixture
def make_yard() -> Iterator[Callable[..., Yard]]:
    """Starts gateways with settings of the test's own; afterwards checks that none leaked anything."""
    stops: list[Callable[[], None]] = []

    def make(**settings: Any) -> Yard:
        yard, stop = serve(Settings(**settings))
        stops.append(stop)
        return yard

    yield make
    for stop in stops:
        stop()


@pytest.fixture(scope="session")
def shared_yard() -> Iterator[Yard]:
    yard, stop = serve(Settings(response_timeout=20, stall_timeout=20))
    yield yard
    stop()


@pytest.fixture
def yard(shared_yard: Yard) -> Iterator[Yard]:
    """The gateway that most tests share, with an empty table; afterwards it must have leaked nothing."""
    shared_yard.publish()
    yield shared_yard
    shared_yard.check()


def serve(settings: Settings) -> tuple[Yard, Callable[[], None]]:
    """A gateway that serves, and what ends it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    loop = uvloop.new_event_loop()
    traffic = Traffic()
    gateway = Gateway(settings, traffic)
    config = uvicorn.Config(
        gateway, http=bounded(settings), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    yard = Yard(gateway, traffic, listener.getsockname()[1], loop)
    loop.set_exception_handler(lambda _, context: yard.mishaps.append(str(context)))

    async def run() -> None:
        await server.serve([listener])
        await gateway.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()

    def stop() -> None:
        try:
            yard.check()
        finally:
            server.should_exit = True
            thread.join(20)
            loop.close()
            listener.close()
            gc.collect()  # an exception nobody retrieved is told when its task is collected
        assert not yard.mishaps

    return yard, stop


@pytest.fixture(scope="session")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for Unix sockets."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture(scope="session")
def replica(sockets: Path) -> Iterator[Replica]:
    """The replica that most tests share; they misbehave it request by request."""
    started = start_replica(Address(uds=str(sockets / "m.sock")))
    yield started
    started.stop()


@pytest.fixture
def spare() -> Iterator[Callable[..., Replica]]:
    """Starts more replicas, on TCP."""
    started: list[Replica] = []

    def start(name: str, **options: Any) -> Replica:
        started.append(start_replica(Address(port=free_port()), name, **options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
