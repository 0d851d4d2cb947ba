"""Apps of this process behind the gateway, and the sender by which they ask models: checked and counted once, ended together."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from modelyard.core.access import Access, Grant, fingerprint
from modelyard.core.asgi import Receive, Scope, Send
from modelyard.core.config import Settings
from modelyard.core.errors import (
    BadRequest,
    InternalError,
    InvalidKey,
    InvalidParameter,
    ModelNotFound,
    ModelNotReady,
    PermissionDenied,
    RateLimited,
    UpstreamFailed,
)
from modelyard.core.types import ReplicaState, Route, Task
from modelyard.gateway.app import Gateway
from modelyard.gateway.apps import caller_of
from modelyard.gateway.client import RequestClient
from modelyard.gateway.sender import Answer, Caller, Sender
from tests.gateway.conftest import MESSAGES, Replica, Reply, Yard, chat, route, serve, until
from tests.gateway.test_keys import READ, SLOW, aborting
from tests.gateway.test_relay import open_stream

KEY = "key-of-the-caller"
CHAT, DIALECT = "/v1/chat/completions", "/v1/dialect"


def passing(gateway: Gateway) -> Callable[[Scope, Receive, Send], Any]:
    """An app that asks the model 'm' what it is asked, once or, with `times`, one time after the other."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = msgspec.json.decode((await receive())["body"])
        if body.pop("defect", False):
            raise ZeroDivisionError
        times, breaks, relays = body.pop("times", 1), body.pop("breaks", ""), body.pop("relays", False)
        sender = gateway.sender(caller_of(scope))
        started = False

        async def forward(part: bytes) -> None:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            if breaks:
                raise RateLimited("enough", 1) if breaks == "error" else ZeroDivisionError

        for _ in range(times):
            answer = await sender(CHAT, msgspec.json.encode({**body, "model": "m"}))
            try:
                if not started:
                    await send({"type": "http.response.start", "status": 200, "headers": answer.headers})
                    started = True
                if relays:
                    await answer.relay(forward)
                while not relays and (part := await answer.read()):
                    await forward(part)
            finally:
                await answer.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


@pytest.fixture(scope="module")
def own_yard() -> Iterator[Yard]:
    """A gateway with the app behind the name `kb:x`, and behind a path."""
    yard, stop = serve(Settings(access_log=True, response_timeout=20, stall_timeout=20))
    app = passing(yard.gateway)
    name = Route("kb:x", "kb:x", ReplicaState.READY, app=app, tasks=frozenset({Task.CHAT}))
    yard.on_loop(lambda: yard.gateway.set_apps({"kb:x": name}))
    yard.on_loop(lambda: yard.gateway.mount(DIALECT, app))
    yield yard
    stop()


@pytest.fixture
def yard(own_yard: Yard, replica: Replica) -> Iterator[Yard]:
    own_yard.publish(route(replica.endpoint))
    yield own_yard
    own_yard.on_loop(lambda: own_yard.gateway.admit(Access()))
    own_yard.check()


def lock(yard: Yard, **more: Any) -> dict[str, str]:
    """The headers of a caller whose key allows what the test says."""
    grant = Grant(**{"id": KEY, "name": "mine", "scopes": READ | {"knowledge:read"}, **more})
    yard.on_loop(lambda: yard.gateway.admit(Access(True, {fingerprint(KEY.encode()): grant})))
    return {"authorization": f"Bearer {KEY}"}


def inside(yard: Yard, use: Callable[[Sender], Any], caller: Caller | None = None) -> Any:
    """What `use` gives on the gateway's loop, called with a sender."""

    async def run() -> Any:
        return await use(yard.gateway.sender(caller or Caller()))

    return asyncio.run_coroutine_threadsafe(run(), yard.loop).result(20)


def last_event(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body.decode().strip().split("\n\n")[-1].removeprefix("data: "))
    return found


def body_for(path: str, **more: Any) -> dict[str, Any]:
    """A request for the app; only at a path of its own does it name no model."""
    return chat("kb:x", **more) if path == CHAT else {"messages": MESSAGES, **more}


both = pytest.mark.parametrize("path", [CHAT, DIALECT])


@both
def test_an_app_and_the_model_it_asks_share_one_request_id(
    yard: Yard, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "modelyard.access"):
        reply = yard.post(body_for(path), path, x_request_id="once")
    assert reply.status == 200 and reply.headers["x-request-id"] == "once"
    assert reply.json["choices"][0]["message"]["content"]

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "modelyard.access"]

    until(lambda: len(lines()) == 2, "not logged")
    assert all("id=once" in line for line in lines())


def test_an_app_is_counted_by_its_path_and_the_model_by_its_name(yard: Yard) -> None:
    yard.post(body_for(DIALECT, stream=True), DIALECT)
    metrics = yard.gateway.meter.render().decode()
    assert f'modelyard_requests_total{{model="",outcome="complete",path="{DIALECT}",status="200"}}' in metrics
    assert f'modelyard_requests_total{{model="m",outcome="complete",path="{CHAT}",status="200"}}' in metrics


@both
def test_a_request_counts_once_however_often_its_app_asks(yard: Yard, path: str) -> None:
    headers = lock(yard, id=f"requests {path}", requests_per_minute=1)
    assert yard.post(body_for(path, stream=True, times=3), path, **headers).status == 200
    assert yard.post(body_for(path), path, **headers).status == 429


@both
def test_tokens_count_once(yard: Yard, path: str) -> None:
    used = yard.post(body_for(path), path).json["usage"]["total_tokens"]
    headers = lock(yard, id=f"tokens {path}", tokens_per_minute=used + 1)
    assert [yard.post(body_for(path), path, **headers).status for _ in range(3)] == [200, 200, 429]


def test_a_path_of_an_app_takes_a_key(yard: Yard) -> None:
    assert yard.post({}, DIALECT).status == 400  # there are no messages, says the model's path
    headers = lock(yard, scopes=frozenset({"models:list"}))
    assert yard.post({}, DIALECT).status == 401
    assert yard.post({}, DIALECT, **headers).status == 403


def test_a_path_of_an_app_has_methods_and_a_limit(yard: Yard, make_yard: Callable[..., Yard]) -> None:
    wrong = yard.send("GET", DIALECT, None, {})
    assert (wrong.status, wrong.headers["allow"]) == (405, "OPTIONS, POST")
    assert yard.send("OPTIONS", DIALECT, None, {}).headers["allow"] == "OPTIONS, POST"
    assert yard.send("POST", DIALECT, b"x", {"content-type": "text/plain"}).status == 415
    small = make_yard(max_body_bytes=1024)
    small.on_loop(lambda: small.gateway.mount(DIALECT, passing(small.gateway)))
    assert small.post({"messages": MESSAGES * 100}, DIALECT).status == 413


RELAYS = pytest.mark.parametrize("relays", [False, True], ids=["read", "relayed"])


@RELAYS
@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_an_app_stops_the_model(yard: Yard, replica: Replica, stream: bool, relays: bool) -> None:
    sock = open_stream(yard, chat("kb:x", stream=stream, fake=SLOW, relays=relays))
    until(lambda: replica.stats()["active"] == 1, "the generation did not begin")
    sock.close()
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")


@RELAYS
@pytest.mark.parametrize("uid", ["kb:x", "m"])
def test_aborting_a_stream_of_an_app(yard: Yard, replica: Replica, uid: str, relays: bool) -> None:
    body = chat("kb:x", stream=True, fake=SLOW, request_id="mine", relays=relays)
    reply = aborting(yard, body, "mine", uid=uid)
    assert last_event(reply)["error"]["code"] == "request_aborted"
    until(lambda: replica.stats()["active"] == 0, "the engine went on")


def test_aborting_a_whole_answer_of_an_app(yard: Yard, replica: Replica) -> None:
    reply = aborting(yard, chat("kb:x", fake=SLOW), "by-header", uid="kb:x", x_request_id="by-header")
    assert (reply.status, reply.json["error"]["code"]) == (409, "request_aborted")
    until(lambda: replica.stats()["active"] == 0, "the engine went on")


@RELAYS
def test_what_an_app_raises_is_the_answer_or_its_last_event(yard: Yard, replica: Replica, relays: bool) -> None:
    assert yard.post(body_for(DIALECT, messages="?"), DIALECT).status == 400
    assert yard.post(body_for(DIALECT, defect=True), DIALECT).status == 500
    for breaks, code in (("error", "rate_limit_exceeded"), ("defect", "internal_error")):
        reply = yard.post(body_for(CHAT, stream=True, fake=SLOW, breaks=breaks, relays=relays))
        assert (
            last_event(reply)["error"]["code"] == code and "ZeroDivision" in reply.body.decode()
        ) or breaks == "error"
    until(lambda: replica.stats()["active"] == 0, "the engine went on")


def test_the_first_byte_of_an_app_is_timed(yard: Yard) -> None:
    def count() -> float:
        text = yard.gateway.meter.render().decode()
        name = 'modelyard_time_to_first_byte_seconds_count{model="",path="/v1/dialect"} '
        return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))

    before = count()
    assert yard.post(body_for(DIALECT), DIALECT).status == 200
    until(lambda: count() == before + 1, "its first byte was not timed")


def test_errors_are_raised_as_the_class_that_they_are(yard: Yard) -> None:
    def asking(**more: Any) -> Callable[[Sender], Any]:
        return lambda sender: sender(CHAT, msgspec.json.encode(chat(**more)))

    with pytest.raises(ModelNotFound, match="nowhere"):
        inside(yard, asking(model="nowhere"))
    with pytest.raises(InvalidParameter, match="messages"):
        inside(yard, asking(messages="?"))
    for status, kind in ((400, BadRequest), (429, RateLimited), (502, UpstreamFailed)):
        with pytest.raises(kind):
            inside(yard, asking(fake={"error_status": status}))


def test_an_answer_that_breaks_off_is_an_error(yard: Yard, spare: Callable[..., Replica]) -> None:
    async def read(sender: Sender, stream: bool) -> bytes:
        answer = await sender(CHAT, msgspec.json.encode(chat(stream=stream)))
        try:
            return await answer.body()
        finally:
            await answer.aclose()

    yard.publish(route(spare("dies", crash_after=3).endpoint))
    data = inside(yard, lambda sender: read(sender, True))
    assert b"upstream_failed" in data.strip().split(b"\n\n")[-1]
    with pytest.raises((ModelNotReady, UpstreamFailed)):  # the replica is gone, or about to be
        inside(yard, lambda sender: read(sender, False))


def test_an_app_that_does_not_answer_is_a_defect() -> None:
    async def silent(caller: Caller, path: str, body: bytes, client: RequestClient, send: Send) -> None:
        if body:
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask() -> None:
        with pytest.raises(InternalError):
            await Sender(silent, Caller())(CHAT, b"")
        answer = await Sender(silent, Caller())(CHAT, b"{}")
        with pytest.raises(InternalError):
            await answer.body()
        await answer.aclose()

    asyncio.run(ask())


def test_closing_an_answer_stops_the_model(yard: Yard, replica: Replica) -> None:
    async def leave(sender: Sender) -> None:
        answer = await sender(CHAT, msgspec.json.encode(chat(stream=True, fake=SLOW)))
        assert await answer.read()
        await answer.aclose()
        assert not yard.traffic.in_flight

    inside(yard, leave)
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")


def test_a_relayed_answer_is_the_whole_answer(yard: Yard) -> None:
    fake = {"tokens": 2000, "chunk_bytes": 100}

    async def relayed(sender: Sender, pause: bool) -> tuple[int, bool]:
        answer = await sender(CHAT, msgspec.json.encode(chat(stream=True, fake=fake)))
        parts: list[bytes] = []

        async def sink(part: bytes) -> None:
            parts.append(part)
            if pause:
                await asyncio.sleep(0)

        try:
            await answer.relay(sink)
        finally:
            await answer.aclose()
        whole = b"".join(parts)
        return whole.count(b"data: "), whole.endswith(b"data: [DONE]\n\n")

    assert inside(yard, lambda sender: relayed(sender, False)) == (2003, True)
    assert inside(yard, lambda sender: relayed(sender, True)) == (2003, True)


def test_a_slow_sink_makes_the_replica_wait(yard: Yard, replica: Replica) -> None:
    async def relay(sender: Sender) -> int:
        fake = {"tokens": 400_000, "chunk_bytes": 1000}
        answer = await sender(CHAT, msgspec.json.encode(chat(stream=True, fake=fake)))
        taken, full = 0, asyncio.Event()

        async def sink(part: bytes) -> None:
            nonlocal taken
            taken += len(part)
            await full.wait()

        task = asyncio.create_task(answer.relay(sink))
        seen = [-1]
        while len(seen) < 60 or len(set(seen[-40:])) != 1:
            seen.append((await asyncio.to_thread(replica.stats))["sent_bytes"])
        task.cancel()
        await asyncio.wait([task])
        await answer.aclose()
        assert 0 < taken < 10_000_000
        return seen[-1]

    start = replica.stats()["sent_bytes"]
    assert inside(yard, relay) - start < 40_000_000  # of 500 MB
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")


def test_who_reads_slowly_makes_the_replica_wait(yard: Yard, replica: Replica) -> None:
    opened: list[Answer] = []

    async def open_(sender: Sender) -> None:
        fake = {"tokens": 400_000, "chunk_bytes": 1000}
        opened.append(await sender(CHAT, msgspec.json.encode(chat(stream=True, fake=fake))))

    async def rest(sender: Sender) -> int:
        try:
            return len(await opened[0].read())
        finally:
            await opened[0].aclose()

    start = replica.stats()["sent_bytes"]
    inside(yard, open_)
    seen = [-1]

    def halted() -> bool:
        seen.append(replica.stats()["sent_bytes"])
        return len(seen) > 60 and len(set(seen[-40:])) == 1

    until(halted, "the engine never waited", 30)
    assert seen[-1] - start < 40_000_000  # of 500 MB
    assert 0 < inside(yard, rest) < 10_000_000


def test_a_caller_that_was_not_admitted_is_checked_and_counted(yard: Yard) -> None:
    async def ask(sender: Sender) -> int:
        answer = await sender(CHAT, msgspec.json.encode(chat()))
        await answer.aclose()
        return answer.status

    def status(**more: Any) -> int:
        grant = Grant(**{"id": KEY, "name": "mine", "scopes": READ, **more})
        lock(yard, **more)
        found: int = inside(yard, ask, Caller(grant, admitted=False))
        return found

    assert status(id="counted", requests_per_minute=1) == 200
    with pytest.raises(RateLimited):
        status(id="counted", requests_per_minute=1)
    with pytest.raises(PermissionDenied):
        status(models=frozenset({"other"}))
    with pytest.raises(PermissionDenied):
        status(scopes=frozenset({"models:list"}))
    with pytest.raises(InvalidKey):
        status(expires_at=1.0)
    gone = Caller(Grant("gone", "gone", READ), admitted=False)
    with pytest.raises(InvalidKey):
        inside(yard, ask, gone)
