"""Who may ask a model, how often and how much; and how one request is ended by another."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelyard.core.access import Access, Grant, fingerprint
from modelyard.core.config import Settings
from modelyard.core.errors import RateLimited
from modelyard.core.traffic import Traffic
from modelyard.core.types import Address, Endpoint, RouteTable, Task
from modelyard.gateway.app import Gateway
from modelyard.gateway.middleware.limits import Limits
from modelyard.gateway.middleware.tokens import Tap
from tests.gateway.conftest import Replica, Reply, Yard, chat, route, table, until

KEY = "my-key-of-the-client"
READ = frozenset({"models:read"})


def grant(**more: Any) -> Grant:
    return Grant(**{"id": "1", "name": "mine", "scopes": READ, **more})


@pytest.fixture
def locked(yard: Yard) -> Iterator[Callable[..., Yard]]:
    """The shared gateway, asking for the key `KEY`, which allows what the test says."""

    def lock(**more: Any) -> Yard:
        access = Access(True, {fingerprint(KEY.encode()): grant(**more)})
        yard.on_loop(lambda: yard.gateway.admit(access))
        return yard

    yield lock
    yard.on_loop(lambda: yard.gateway.admit(Access()))


def ask(yard: Yard, model: str = "m", key: str = KEY, **more: Any) -> Reply:
    return yard.post(chat(model, **more), authorization=f"Bearer {key}")


def problem(reply: Reply) -> tuple[int, str]:
    assert reply.json["detail"] == reply.json["error"]["message"]
    return reply.status, reply.json["error"]["code"]


def test_a_request_without_a_key_is_refused(locked: Callable[..., Yard], replica: Replica) -> None:
    yard = locked()
    yard.publish(route(replica.endpoint))
    reply = yard.post(chat())
    assert (problem(reply), reply.headers["www-authenticate"]) == ((401, "invalid_api_key"), "Bearer")
    assert problem(ask(yard, key="my-other")) == (401, "invalid_api_key")
    assert ask(yard).status == 200
    assert yard.post(chat(), x_api_key=KEY).status == 200


def test_the_key_is_asked_for_before_the_body_is_read(locked: Callable[..., Yard]) -> None:
    yard = locked()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with yard.raw(head + b"content-length: 50000000\r\nexpect: 100-continue\r\n\r\n") as sock:
        assert sock.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_an_expired_key_is_refused(locked: Callable[..., Yard]) -> None:
    reply = ask(locked(expires_at=time.time() - 1))
    assert problem(reply) == (401, "invalid_api_key")
    assert "expired" in reply.json["detail"]


def test_a_key_without_the_scope_is_refused(locked: Callable[..., Yard]) -> None:
    reply = ask(locked(scopes=frozenset({"models:list"})))
    assert problem(reply) == (403, "permission_denied")
    assert "models:read" in reply.json["detail"]


def test_a_key_for_some_models_learns_of_no_others(locked: Callable[..., Yard], replica: Replica) -> None:
    yard = locked(models=frozenset({"m", "gone"}))
    yard.publish(route(replica.endpoint), route(replica.endpoint, name="private"))
    assert ask(yard).status == 200
    for name in ("private", "no-such-model"):
        reply = ask(yard, name)
        assert problem(reply) == (403, "permission_denied")
        assert f"'{name}'" in reply.json["detail"]
    reply = ask(yard, "gone")
    assert problem(reply) == (404, "model_not_found")
    assert "private" not in reply.json["detail"]


def test_the_key_reaches_neither_replica_nor_log(
    locked: Callable[..., Yard], replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    yard = locked()
    yard.publish(route(replica.endpoint))
    assert ask(yard).status == 200  # the replica takes its own token only, so ours was put in place of the client's
    ask(yard, key=KEY + "-wrong")
    assert KEY not in caplog.text


def test_a_revoked_key_is_refused_on_the_same_connection(locked: Callable[..., Yard], replica: Replica) -> None:
    yard = locked()
    yard.publish(route(replica.endpoint))
    connection = yard.connect()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}

    def status() -> int:
        connection.request("POST", "/v1/chat/completions", json.dumps(chat()), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert (status(), status()) == (200, 200)
    yard.on_loop(lambda: yard.gateway.admit(Access(True)))
    assert status() == 401
    connection.close()


def test_requests_per_minute_are_limited(locked: Callable[..., Yard], replica: Replica) -> None:
    yard = locked(id="per-minute", requests_per_minute=2)
    yard.publish(route(replica.endpoint))
    assert [ask(yard).status for _ in range(2)] == [200, 200]
    reply = ask(yard)
    assert problem(reply) == (429, "rate_limit_exceeded")
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert "2 requests per minute" in reply.json["detail"]


@pytest.mark.parametrize("more", [{}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}])
def test_tokens_per_minute_are_limited(locked: Callable[..., Yard], replica: Replica, more: dict[str, Any]) -> None:
    yard = locked(id=f"tokens{len(more)}", tokens_per_minute=100)
    yard.publish(route(replica.endpoint))
    assert ask(yard, fake={"tokens": 5}, **more).status == 200
    assert ask(yard, fake={"tokens": 200}, **more).status == 200
    reply = ask(yard, **more)
    assert problem(reply) == (429, "rate_limit_exceeded")
    assert "100 tokens per minute" in reply.json["detail"]


def test_limits_forget_after_a_minute() -> None:
    now = [0.0]
    limits = Limits(lambda: now[0])
    key = grant(requests_per_minute=1, tokens_per_minute=100)
    limits.begin(key)
    with pytest.raises(RateLimited) as refused:
        limits.begin(key)
    assert refused.value.retry_after == 60
    limits.begin(grant(id="2", requests_per_minute=1))  # another key has its own
    now[0] = 60.0
    limits.begin(key)
    limits.end(key, 100)
    now[0] = 119.0
    with pytest.raises(RateLimited, match="100 tokens"):
        limits.begin(key)
    now[0] = 121.0
    limits.begin(key)
    limits.end(key, 100)
    limits.keep(set())
    limits.begin(key)


def tapped(*chunks: bytes, request: int = 40) -> int:
    tap = Tap(request)
    for chunk in chunks[:-1]:
        tap.see_beginning(chunk, 1.0)
    tap.see_end(b"".join(chunks[-1:]), 1.0, b"".join(chunks[-4:-1]))
    return tap.tokens()


def test_tokens_are_counted_as_engines_report_them() -> None:
    said = b'"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":1}}'
    assert tapped(b'{"choices":[],', said + b"}") == 7
    assert tapped(b'{"choices":[' + b"1," * 9000 + b"0],", said[:20], said[20:] + b"}") == 7
    assert tapped(b"{" + said + b',"data":[' + b"0.1," * 9000 + b"0]}") == 7  # vectors come behind the figures
    assert tapped(b'data: {"usage":null}\n\n', b"data: {" + said + b"}\n\n", b"data: [DONE]\n\n") == 7
    assert tapped(b'{"usage": {"input_tokens": 3, "output_tokens": 9}}') == 12
    assert tapped(b'data: {"choices":[]}\n\n' * 10) == 20  # ten events and forty bytes
    assert tapped(b'{"text":"\\"usage\\":{\\"total_tokens\\":1}"}') == 10  # what a model says is no figure
    assert tapped() == 0


def test_more_requests_than_a_replica_may_have_are_refused(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint, request_limit=1))
    slow = threading.Thread(target=yard.post, args=(chat(fake={"tokens": 30, "tokens_per_second": 60}),))
    slow.start()
    until(lambda: bool(yard.traffic.in_flight), "the first request never began")
    reply = yard.post(chat())
    assert problem(reply) == (429, "rate_limit_exceeded")
    assert reply.json["detail"].startswith("Rate limit reached") and reply.headers["retry-after"]
    slow.join()
    assert yard.post(chat()).status == 200


def test_the_limit_of_each_replica_counts(yard: Yard, replica: Replica, spare: Callable[..., Replica]) -> None:
    other = spare("m-rep1-1")
    yard.publish(route(replica.endpoint, other.endpoint, request_limit=1))
    body = chat(fake={"tokens": 60, "tokens_per_second": 60})
    slow = [threading.Thread(target=yard.post, args=(body,)) for _ in range(2)]
    for thread in slow:
        thread.start()
        until(lambda: len(yard.traffic.in_flight) > slow.index(thread), "a request went to a busy replica")  # noqa: B023
    assert yard.post(chat()).status == 429
    for thread in slow:
        thread.join()


def aborting(
    yard: Yard, body: dict[str, Any], name: str, by: Grant | None = None, uid: str = "m", **headers: str
) -> Reply:
    """The answer to a request that is aborted once it is under way."""
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(yard.post(body, **headers)))
    thread.start()
    until(lambda: bool(yard.on_loop(lambda: yard.gateway.abort(uid, name, by))), "there was nothing to abort")
    thread.join()
    return replies[0]


SLOW = {"tokens": 100_000, "tokens_per_second": 200}


def test_aborting_ends_a_stream_with_an_error_event(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    reply = aborting(yard, chat(stream=True, fake=SLOW, request_id="mine"), "mine")
    last = reply.body.decode().strip().split("\n\n")[-1]  # an event of the stream, or the answer if it had not begun
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "request_aborted"
    until(lambda: replica.stats()["active"] == 0, "the engine went on")


def test_aborting_by_the_header_ends_a_whole_answer(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    reply = aborting(yard, chat(fake=SLOW), "by-header", x_request_id="by-header")
    assert problem(reply) == (409, "request_aborted")
    until(lambda: replica.stats()["active"] == 0, "the engine went on")


def test_an_aborted_name_is_refused_for_a_while(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    assert yard.on_loop(lambda: yard.gateway.abort("m", "late", None, 30)) is False
    assert yard.post(chat(request_id="late")).status == 200  # nothing was found, so nothing is refused
    thread = threading.Thread(target=yard.post, args=(chat(fake=SLOW, request_id="late"),))
    thread.start()
    until(lambda: bool(yard.on_loop(lambda: yard.gateway.abort("m", "late", None, 30))), "there was nothing to abort")
    thread.join()
    assert problem(yard.post(chat(request_id="late"))) == (409, "request_aborted")
    assert yard.post(chat(request_id="another")).status == 200


def test_a_key_aborts_its_own_requests_only(locked: Callable[..., Yard], replica: Replica) -> None:
    yard = locked()
    yard.publish(route(replica.endpoint))
    stranger = grant(id="2")
    body = chat(fake=SLOW, request_id="guessed")
    replies: list[Reply] = []
    headers = {"authorization": f"Bearer {KEY}"}
    thread = threading.Thread(target=lambda: replies.append(yard.post(body, **headers)))
    thread.start()
    until(lambda: bool(yard.traffic.in_flight), "the request never began")
    assert yard.on_loop(lambda: yard.gateway.abort("m", "guessed", stranger)) is False
    assert yard.on_loop(lambda: yard.gateway.abort("m", "guessed", grant(id="3", scopes=frozenset({"admin"})))) is True
    thread.join()
    assert problem(replies[0]) == (409, "request_aborted")


def test_a_refusal_ends_the_connection_only_where_the_body_is_unread(locked: Callable[..., Yard]) -> None:
    yard = locked()
    unread = yard.post(chat())
    assert (unread.status, unread.headers["connection"]) == (401, "close")
    read = ask(yard, "nobody")
    assert read.status == 404 and "connection" not in read.headers
    no_body = yard.send("GET", "/v1/chat/completions", b"", {"authorization": f"Bearer {KEY}"})
    assert no_body.status == 405 and "connection" not in no_body.headers


def test_a_chat_model_is_one_that_is_ready_and_that_the_key_may_use() -> None:
    endpoint = Endpoint("r", Address(uds="/r"))
    gateway = Gateway(Settings(), Traffic())
    embeds = route(endpoint, name="b-embeds", tasks=frozenset({Task.EMBEDDING}))
    gateway.publish(table(route(name="a-starting"), embeds, route(endpoint, name="d"), route(endpoint, name="c")))
    assert gateway.chats() == "c"
    assert gateway.chats(grant(models=("d",))) == "d"
    assert gateway.chats(grant(models=("a-starting", "b-embeds"))) is None
    gateway.publish(RouteTable())
    assert gateway.chats() is None
