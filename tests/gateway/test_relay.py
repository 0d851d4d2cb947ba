"""What passes through the gateway and what does not, with real engines that misbehave on demand."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from modelyard.core.types import Address, Endpoint
from modelyard.gateway.relay import PENALTY_SECONDS
from tests.gateway.conftest import Replica, Yard, chat, route, until


def events(body: bytes) -> list[Any]:
    """The events of a stream, decoded; `[DONE]` stays text."""
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def text(body: bytes) -> str:
    deltas = [event["choices"][0]["delta"] for event in events(body) if event != "[DONE]"]
    return "".join(delta.get("content", "") for delta in deltas)


def direct(replica: Replica, path: str, body: dict[str, Any]) -> bytes:
    connection = replica.connect()
    connection.request("POST", path, json.dumps(body), replica.token)
    data = connection.getresponse().read()
    connection.close()
    return data


def open_stream(yard: Yard, body: dict[str, Any]) -> socket.socket:
    """A socket on which a request was sent and nothing was read."""
    data = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return yard.raw(head.encode() + b"content-length: %d\r\n\r\n" % len(data) + data)


def without_id(body: bytes) -> bytes:
    """An answer with what differs by nature blotted out: its id and its date."""
    found = [event if event == "[DONE]" else event | {"id": "", "created": 0} for event in events(body)]
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "m", "input": ["你好", "world"]}),
        ("/v1/embeddings", {"model": "m", "input": "x", "encoding_format": "base64", "dimensions": 7}),
        ("/v1/embeddings", {"model": "m", "input": ["text"] * 500, "dimensions": 384}),
    ],
)
def test_bytes_are_those_of_the_replica(yard: Yard, replica: Replica, path: str, body: dict[str, Any]) -> None:
    yard.publish(route(replica.endpoint))
    reply = yard.post(body, path)
    assert reply.body == direct(replica, path, body)
    assert int(reply.headers["content-length"]) == len(reply.body)


@pytest.mark.parametrize("tokens", [0, 1, 400])
def test_streams_are_those_of_the_replica(yard: Yard, replica: Replica, tokens: int) -> None:
    yard.publish(route(replica.endpoint))
    body = chat(stream=True, fake={"tokens": tokens}, stream_options={"include_usage": True})
    reply = yard.post(body)
    assert reply.headers["content-type"] == "text/event-stream"
    assert without_id(reply.body) == without_id(direct(replica, "/v1/chat/completions", body))


def test_reranking_and_completions_are_relayed(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    body = {"model": "m", "query": "a fox", "documents": ["bird", "the fox"]}
    assert [hit["index"] for hit in yard.post(body, "/v1/rerank").json["results"]] == [1, 0]
    assert (
        yard.post({"model": "m", "prompt": "x"}, "/v1/completions").json["choices"][0]["text"].startswith("the quick")
    )


def test_tokens_arrive_one_by_one(yard: Yard, replica: Replica) -> None:
    """The engine falls silent after its third token: what came before must be at the client all the same."""
    yard.publish(route(replica.endpoint))
    with open_stream(yard, chat(stream=True, fake={"hang_after": 3})) as sock:
        got = b""
        while b"brown" not in got:
            got += sock.recv(65536)
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")


def test_an_error_of_the_engine_passes_as_it_is(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    reply = yard.post(chat(fake={"error_status": 422}))
    assert (reply.status, reply.json["error"]["type"]) == (422, "fake_error")


def test_connections_are_reused(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    yard.post(chat())
    before = replica.stats()["connections"]
    for stream in (False, True) * 10:
        assert yard.post(chat(stream=stream)).status == 200
    assert replica.stats()["connections"] - before <= 2  # the look at the statistics is one


def test_kept_alive_requests_do_not_wait_for_the_other_side(yard: Yard, spare: Callable[..., Replica]) -> None:
    """Without TCP_NODELAY each of these waits 40 ms for a delayed acknowledgement."""
    yard.publish(route(spare("a").endpoint))
    connection = yard.connect()
    times = []
    for _ in range(30):
        began = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", json.dumps(chat()), {"content-type": "application/json"})
        assert connection.getresponse().read()
        times.append(time.perf_counter() - began)
    connection.close()
    assert sorted(times)[len(times) // 2] < 0.035


@pytest.mark.parametrize("stream", [False, True])
def test_a_dead_replica_is_passed_over(yard: Yard, replica: Replica, stream: bool) -> None:
    dead = [Endpoint("dead1", Address(port=1)), Endpoint("dead2", Address(uds="/nonexistent"))]
    yard.publish(route(*dead, replica.endpoint))
    for _ in range(5):
        assert yard.post(chat(stream=stream)).status == 200
    yard.publish(route(*dead))
    assert yard.post(chat(stream=stream)).status == 503
    ends, now = yard.on_loop(lambda: dict(yard.gateway._relay.penalties)), time.monotonic()
    assert all(now < ends[each.replica] <= now + PENALTY_SECONDS for each in dead), "they are avoided for a while"


def test_a_replica_that_dies_before_its_answer_is_retried(
    yard: Yard, replica: Replica, spare: Callable[..., Replica]
) -> None:
    dying = [spare(f"dying{i}", crash_after_requests=1) for i in range(2)]
    yard.publish(route(*[each.endpoint for each in dying], replica.endpoint))
    yard.on_loop(lambda: yard.traffic.in_flight.update({replica.endpoint.replica: 5}))  # the dying ones come first
    assert yard.post(chat()).status == 200
    assert all(each.process.wait(10) == 3 for each in dying)
    yard.on_loop(lambda: yard.traffic.in_flight.clear())


def test_unreachable_replicas_are_a_503(yard: Yard) -> None:
    yard.publish(route(Endpoint("a", Address(port=1)), Endpoint("b", Address(uds="/nonexistent"))))
    reply = yard.post(chat())
    assert (reply.status, reply.json["error"]["code"], reply.headers["retry-after"]) == (503, "model_not_ready", "5")
    assert "cannot be reached" in reply.json["detail"]


def test_dying_replicas_are_a_502(yard: Yard, spare: Callable[..., Replica]) -> None:
    yard.publish(route(*[spare(f"d{i}", crash_after_requests=1).endpoint for i in range(2)]))
    reply = yard.post(chat())
    assert (reply.status, reply.json["error"]["code"]) == (502, "upstream_failed")


def test_death_in_mid_stream_is_an_error_event(yard: Yard, spare: Callable[..., Replica]) -> None:
    dying = spare("dying", crash_after=3)
    yard.publish(route(dying.endpoint))
    *told, error = events(yard.post(chat(stream=True)).body)
    assert len(told) == 4  # the role and three tokens
    assert error["error"]["code"] == "upstream_failed"
    assert error["detail"]


def test_silence_in_mid_stream_is_an_error_event(make_yard: Callable[..., Yard], replica: Replica) -> None:
    yard = make_yard(stall_timeout=0.3)
    yard.publish(route(replica.endpoint))
    *told, error = events(yard.post(chat(stream=True, fake={"hang_after": 2})).body)
    assert len(told) == 3
    assert error["error"]["code"] == "upstream_timeout"
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")


def test_an_answer_that_is_late_is_a_504(make_yard: Callable[..., Yard], replica: Replica) -> None:
    yard = make_yard(response_timeout=0.3)
    yard.publish(route(replica.endpoint))
    reply = yard.post(chat(fake={"hang": True}))
    assert (reply.status, reply.json["error"]["code"]) == (504, "upstream_timeout")


def test_an_answer_that_is_not_http_is_a_502(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    reply = yard.post(chat(fake={"garbage": True}))
    assert (reply.status, reply.json["error"]["code"]) == (502, "upstream_failed")
    assert "HTTP" in reply.json["detail"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_the_generation(yard: Yard, replica: Replica, stream: bool) -> None:
    yard.publish(route(replica.endpoint))
    before = replica.stats()
    sock = open_stream(yard, chat(stream=stream, fake={"tokens": 100_000, "tokens_per_second": 50}))
    until(lambda: replica.stats()["active"] == 1, "the generation did not begin")
    sock.close()
    left = time.monotonic()
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")
    took = time.monotonic() - left
    assert replica.stats()["abandoned"] == before["abandoned"] + 1
    assert took < 10, f"stopped only after {took:.3f} s"


def test_a_client_that_leaves_gives_its_place_in_the_queue_back(yard: Yard, spare: Callable[..., Replica]) -> None:
    """The slot of a request that is queued in the engine must not be kept for it."""
    busy = spare("busy", slots=1, tokens=100_000, tokens_per_second=20)
    yard.publish(route(busy.endpoint))
    first = open_stream(yard, chat())
    until(lambda: busy.stats()["active"] == 1, "the first did not begin")
    second = open_stream(yard, chat())
    until(lambda: busy.stats()["queued"] == 1, "the second did not queue")
    second.close()
    until(lambda: busy.stats()["queued"] == 0, "the second still queues")
    first.close()
    until(lambda: busy.stats()["active"] == 0, "the first goes on")
    assert busy.stats()["started"] == 1


def test_a_slow_client_makes_the_replica_wait(yard: Yard, replica: Replica) -> None:
    """Nobody reads an endless answer: the engine comes to a halt, and the gateway holds only a little of it."""
    yard.publish(route(replica.endpoint))
    memory = psutil.Process().memory_info
    before, start = memory().rss, replica.stats()["sent_bytes"]
    sock = open_stream(yard, chat(stream=True, fake={"tokens": 400_000, "chunk_bytes": 1000}))
    until(lambda: replica.stats()["active"] == 1, "the generation did not begin")
    seen = [-1]

    def halted() -> bool:
        seen.append(replica.stats()["sent_bytes"])
        return len(seen) > 60 and len(set(seen[-40:])) == 1

    until(halted, "the engine never waited", 30)
    assert seen[-1] - start < 40_000_000  # of 500 MB
    assert memory().rss - before < 30_000_000
    sock.close()
    until(lambda: replica.stats()["active"] == 0, "the generation goes on")


def test_a_slow_client_gets_everything(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    whole = chat(stream=True, fake={"tokens": 30_000, "chunk_bytes": 500})
    connection = yard.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(whole), {"content-type": "application/json"})
    answer = connection.getresponse()
    until(lambda: replica.stats()["active"] == 1, "the generation did not begin")
    assert len(text(answer.read())) == 30_000 * 500
    connection.close()


def test_two_hundred_streams_at_once(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    expected = text(yard.post(chat(stream=True, fake={"tokens": 60})).body)

    def one(number: int) -> bool:
        reply = yard.post(chat(stream=True, fake={"tokens": 60, "tokens_per_second": 200}), x_request_id=f"r{number}")
        return text(reply.body) == expected and reply.headers["x-request-id"] == f"r{number}"

    with ThreadPoolExecutor(200) as threads:
        assert all(threads.map(one, range(200)))


def test_a_new_table_does_not_disturb_a_request_under_way(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    connection = yard.connect()
    body = json.dumps(chat(stream=True, fake={"tokens": 40, "tokens_per_second": 100}))
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    yard.publish()
    assert events(answer.read())[-1] == "[DONE]"
    assert yard.post(chat()).status == 404
    connection.close()


def test_requests_in_flight_are_counted(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    name = replica.endpoint.replica
    sock = open_stream(yard, chat(stream=True, fake={"tokens": 1000, "tokens_per_second": 50}))
    until(lambda: yard.on_loop(lambda: yard.traffic.in_flight[name]) == 1, "not counted")
    until(lambda: bool(yard.on_loop(lambda: yard.traffic.last_byte.get(name))), "no byte noted")
    sock.close()
    until(lambda: name not in yard.on_loop(lambda: dict(yard.traffic.in_flight)), "still counted")


def test_requests_are_metered_and_logged(
    make_yard: Callable[..., Yard], replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    yard = make_yard(access_log=True)
    yard.publish(route(replica.endpoint))
    yard.post(chat(stream=True), authorization="Bearer client-secret", x_request_id="seen")
    yard.post(chat("other"))
    until(lambda: 'status="404"' in yard.gateway.meter.render().decode(), "not metered")
    metrics = yard.gateway.meter.render().decode()
    assert (
        'modelyard_requests_total{model="m",outcome="complete",path="/v1/chat/completions",status="200"} 1.0' in metrics
    )
    assert "other" not in metrics
    assert "modelyard_requests_in_flight 0.0" in metrics
    assert 'modelyard_time_to_first_byte_seconds_count{model="m",path="/v1/chat/completions"} 1.0' in metrics

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "modelyard.access"]

    until(lambda: len(lines()) == 2, "not logged")
    assert "model=m" in lines()[0]
    assert "id=seen" in lines()[0]
    assert "secret" not in caplog.text


def test_clients_that_come_and_go_leave_nothing_behind(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    threads_before = threading.active_count()

    def one(number: int) -> None:
        sock = open_stream(yard, chat(stream=bool(number % 2), fake={"tokens": 500, "tokens_per_second": 1000}))
        if number % 3:
            sock.recv(10 * number)
        sock.close()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(one, range(200)))
    until(lambda: replica.stats()["active"] == 0, "a generation goes on")
    assert threading.active_count() <= threads_before + 1
