"""Which headers pass in which direction, and what the gateway itself answers: pure, or with a `send` that keeps messages."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from modelyard.core.asgi import Headers, Message, Receive
from modelyard.core.errors import BadRequest, BodyTooLarge, ModelyardError, RateLimited, WrongContentType
from modelyard.core.types import Address, Endpoint
from modelyard.gateway import asgi
from modelyard.gateway.asgi import ClientLeft, end_stream, header, linger, send_error, send_options
from modelyard.gateway.headers import error_headers, request_head, request_id, response_headers
from modelyard.gateway.model_call import check_content_type, has_body, is_json, read_body

JSON = (b"content-type", b"application/json")


class Sent:
    """Keeps the messages that are sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def open(self) -> bool:
        return bool(self.messages[-1]["more_body"])


def receiving(*messages: Message) -> Receive:
    """A `receive` with these messages; afterwards it waits for ever."""
    rest = list(messages)

    async def receive() -> Message:
        if not rest:
            await asyncio.get_running_loop().create_future()
        return rest.pop(0)

    return receive


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


# Towards a replica


def head(client: Headers, endpoint: Endpoint | None = None, plain: bool = False) -> list[bytes]:
    there = endpoint or Endpoint("r", Address(port=8000))
    lines = request_head(b"/v1/x?a=1", client, there, b"id", 12, plain).split(b"\r\n")
    assert lines[-2:] == [b"", b""] and lines[0] == b"POST /v1/x?a=1 HTTP/1.1"
    return lines[1:-2]


def test_a_replica_gets_the_clients_headers_and_its_own() -> None:
    token = Endpoint("r", Address(host="10.0.0.1", port=8000), ((b"X-Token", b"t"),))
    client = [(b"accept", b"*/*"), (b"x-token", b"forged"), (b"accept", b"text/plain"), (b"accept-encoding", b"gzip")]
    assert head(client, token) == [
        b"host: 10.0.0.1:8000",
        b"accept: */*",
        b"accept: text/plain",
        b"accept-encoding: gzip",
        b"X-Token: t",
        b"x-request-id: id",
        b"content-length: 12",
    ]
    assert b"accept-encoding: gzip" not in head(client, plain=True), "parts of the answer are read"
    assert head([], Endpoint("r", Address(uds="/x")))[0] == b"host: localhost"


@pytest.mark.parametrize(
    "name",
    ["connection", "keep-alive", "proxy-authorization", "proxy-authenticate", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade", "host", "content-length", "expect", "authorization", "cookie", "x-api-key", "api-key",
     "x-request-id"],
)  # fmt: skip
def test_a_header_of_the_connection_or_of_this_server_goes_no_further(name: str) -> None:
    found = head([(name.encode(), b"theirs"), (b"x-kept", b"1")])
    assert b"x-kept: 1" in found and not any(b"theirs" in line for line in found)


def test_headers_that_connection_names_are_dropped_both_ways() -> None:
    given = [(b"connection", b"close, X-One ,x-two"), (b"x-one", b"1"), (b"x-two", b"2"), (b"x-three", b"3")]
    assert head(given)[1:-2] == [b"x-three: 3"]
    assert response_headers(given, b"id") == [(b"x-three", b"3"), (b"x-request-id", b"id")]


# Towards a client


def test_an_answer_keeps_its_length_and_loses_what_is_the_servers() -> None:
    given = [
        *((name, b"theirs") for name in (b"date", b"server", b"set-cookie", b"x-request-id", b"transfer-encoding")),
        (b"content-length", b"5"), (b"x-a", b"1"),
    ]  # fmt: skip
    assert response_headers(given, b"id") == [(b"content-length", b"5"), (b"x-a", b"1"), (b"x-request-id", b"id")]
    coded = [*given, (b"content-encoding", b"br"), (b"content-type", b"text/html")]
    assert error_headers(coded, b"id", 77) == [
        (b"x-a", b"1"), (b"x-request-id", b"id"), JSON, (b"content-length", b"77"),
    ]  # fmt: skip


@pytest.mark.parametrize("given", [b"a", b"A-z0.9_:/+=@-", b"x" * 128])
def test_a_well_formed_request_id_is_kept(given: bytes) -> None:
    assert request_id([(b"x-request-id", given)]) == given


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a\n", b"a,b", "ä".encode()])
def test_any_other_request_id_is_replaced(given: bytes) -> None:
    made = [request_id([(b"x-request-id", given)]), request_id([])]
    assert made[0] != made[1] and all(each.startswith(b"req-") and len(each) == 36 for each in made)


def test_the_first_of_equal_headers_counts() -> None:
    given = [(b"a", b"1"), (b"a", b"2"), (b"b", b"")]
    assert (header(given, b"a"), header(given, b"b"), header(given, b"c")) == (b"1", b"", None)


# What the gateway answers itself


def test_an_error_has_its_status_headers_and_length() -> None:
    for more in (False, True):
        sent = Sent()
        length = asyncio.run(send_error(sent, RateLimited("slowly", 7), [(b"x-a", b"1")], more))
        assert sent.messages[0]["status"] == 429 and sent.open is more
        assert sent.headers == {
            b"content-type": b"application/json", b"content-length": str(length).encode(), b"retry-after": b"7",
            b"x-a": b"1",
        }  # fmt: skip
        assert len(sent.body) == length and json.loads(sent.body)["error"]["message"].endswith("slowly")


def test_options_name_the_methods() -> None:
    sent = Sent()
    asyncio.run(send_options(sent, ["OPTIONS", "POST"], [(b"x-a", b"1")]))
    assert sent.messages[0]["status"] == 200 and not sent.open and sent.body == b""
    assert sent.headers == {b"allow": b"OPTIONS, POST", b"content-length": b"0", b"x-a": b"1"}


EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


@pytest.mark.parametrize(
    ("headers", "last", "gap"),
    [
        ([EVENTS], b"data: {}\n\n", b""),
        ([EVENTS], b"", b""),
        ([EVENTS], b"data: {}\n", b"\n\n"),
        ([EVENTS], b"dat", b"\n\n"),
    ],
)
def test_a_stream_that_cannot_go_on_ends_with_its_error(headers: Headers, last: bytes, gap: bytes) -> None:
    sent = Sent()
    asyncio.run(end_stream(sent, headers, last, BadRequest("no")))
    assert sent.body.startswith(gap + b"data: ") and sent.body.endswith(b"\n\n") and not sent.open
    assert json.loads(sent.body.strip().removeprefix(b"data: "))["error"]["message"] == "no"


@pytest.mark.parametrize("headers", [[], [JSON], [EVENTS, (b"content-length", b"9")]])
def test_any_other_answer_that_cannot_go_on_is_left_incomplete(headers: Headers) -> None:
    sent = Sent()
    asyncio.run(end_stream(sent, headers, b"", BadRequest("no")))
    assert sent.messages == []


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        ([part(b"a"), part(b"b", more=False), part(b"c")], 1),
        ([part(b"a"), GONE, part(b"c")], 1),
        ([part(b"x" * 10), part(b"y")], 1),
        ([part(b"x" * 9), part(b"y"), part(b"z")], 1),
        ([{"type": "http.request"}, part(b"c")], 1),
    ],
)
def test_the_rest_of_a_request_is_read_up_to_its_end_or_a_limit(
    messages: list[Message], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "LINGER_BYTES", 10)
    rest = list(messages)

    async def receive() -> Message:
        return rest.pop(0)

    sent = Sent()
    asyncio.run(linger(receive, sent))
    assert len(rest) == left and sent.messages == [{"type": "http.response.body", "body": b"", "more_body": False}]


def test_the_rest_of_a_request_is_awaited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "LINGER_SECONDS", 0.01)
    sent = Sent()
    asyncio.run(linger(receiving(part(b"a")), sent))
    assert not sent.open


# What the gateway reads


async def whole(headers: Headers, *messages: Message) -> bytes:
    return await read_body(headers, receiving(*messages), 5)


def test_a_body_is_read_up_to_its_limit() -> None:
    assert asyncio.run(whole([], part(b"ab"), part(b""), part(b"cde", more=False))) == b"abcde"
    only = b"".join([b"a", b"b"])
    assert asyncio.run(whole([(b"content-length", b"5")], part(only, more=False))) is only, "without a copy"
    assert asyncio.run(whole([], {"type": "http.request"})) == b""


@pytest.mark.parametrize(
    ("headers", "messages", "error"),
    [
        ([(b"content-length", b"6")], [], BodyTooLarge),
        ([], [part(b"abc"), part(b"def")], BodyTooLarge),
        ([], [part(b"abc"), GONE], ClientLeft),
    ],
)
def test_a_body_that_is_too_large_or_does_not_come_is_refused(
    headers: Headers, messages: list[Message], error: type[Exception]
) -> None:
    with pytest.raises(error):
        asyncio.run(whole(headers, *messages))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"application/json", True), (b" Application/JSON ; charset=utf-8", True), (b"application/ld+json", True),
        (b"text/json", False), (b"text/x+json", False), (b"application/jsonl", False), (b"", False), (None, False),
    ],
)  # fmt: skip
def test_types_of_json(kind: bytes | None, expected: bool) -> None:
    assert is_json(kind) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], False), ([(b"content-length", b"0")], False), ([(b"content-length", b"00")], False),
        ([(b"content-length", b"10")], True), ([(b"transfer-encoding", b"chunked")], True),
    ],
)  # fmt: skip
def test_a_request_announces_its_body(headers: Headers, expected: bool) -> None:
    assert has_body(headers) is expected


LENGTH = (b"content-length", b"5")


@pytest.mark.parametrize("coding", [[], [(b"content-encoding", b" Identity")], [(b"content-encoding", b"")]])
@pytest.mark.parametrize("headers", [[], [JSON], [JSON, LENGTH], [(b"content-length", b"0")]])
def test_json_and_nothing_at_all_are_accepted(headers: list[Any], coding: list[Any]) -> None:
    check_content_type([*headers, *coding])


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([(b"content-type", b"text/plain")], "text/plain"),
        ([(b"content-type", b"")], "application/json"),
        ([LENGTH], "application/json"),
        ([(b"transfer-encoding", b"chunked")], "application/json"),
        ([JSON, (b"content-encoding", b"gzip")], "content-encoding: gzip"),
    ],
)
def test_other_types_and_compressed_bodies_are_refused(headers: Headers, words: str) -> None:
    with pytest.raises(WrongContentType, match=words) as refused:
        check_content_type(headers)
    assert isinstance(refused.value, ModelyardError)
