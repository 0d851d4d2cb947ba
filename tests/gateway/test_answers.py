"""Answers to requests from inside this process: read as they come, and ended from either side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelyard.core.asgi import Headers, Message, Send
from modelyard.core.errors import InternalError, ModelNotFound, RateLimited, UpstreamFailed
from modelyard.gateway.client import RequestClient
from modelyard.gateway.sender import Answer, Caller, Sender
from modelyard.gateway.upstream import HIGH_WATER
from modelyard.protocol import errors

Produce = Callable[[Send], Awaitable[None]]


def start(status: int = 200, headers: Headers | None = None) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers or []}


def body(data: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*messages: Message, ends: BaseException | None = None) -> Produce:
    async def produce(send: Send) -> None:
        for message in messages:
            await send(message)
        if ends is not None:
            raise ends

    return produce


def sender(produce: Produce, seen: list[Any] | None = None) -> Sender:
    async def serve(caller: Caller, path: str, data: bytes, client: RequestClient, send: Send) -> None:
        if seen is not None:
            seen.extend((caller, path, data, client))
        await produce(send)

    return Sender(serve, Caller(request_id=b"id"))


def test_an_answer_is_returned_with_its_head_and_read_to_its_end() -> None:
    async def go() -> None:
        seen: list[Any] = []
        produce = sending(start(201, [(b"a", b"1")]), body(b"one"), body(b"two"), body(b"", more=False))
        answer = await sender(produce, seen)("/v1/x", b"{}")
        assert seen[:3] == [Caller(request_id=b"id"), "/v1/x", b"{}"]
        assert (answer.status, answer.headers) == (201, [(b"a", b"1")])
        assert await answer.read() == b"onetwo"
        assert await answer.read() == await answer.read() == b""
        await answer.aclose()
        assert not seen[3].left, "it was complete"

    asyncio.run(go())


@pytest.mark.parametrize("more", [{"more_body": False}, {}])
def test_a_body_in_one_piece_is_not_copied(more: dict[str, bool]) -> None:
    async def go() -> None:
        data = b"".join([b"on", b"e"])
        message = {"type": "http.response.body", "body": data, **more}
        answer = await sender(sending(start(), message))("/", b"")
        assert await answer.read() is data and await answer.body() == b""
        await answer.aclose()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("status", "headers", "data", "error", "words"),
    [
        (404, [], errors.encode(ModelNotFound("m")), ModelNotFound, "'m' not found"),
        (429, [(b"retry-after", b"7")], errors.encode(RateLimited("slowly", 7)), RateLimited, "slowly"),
        (400, [], b"\xff plain", Exception, "\ufffd plain"),
        (500, [], b"{}", Exception, "500"),
    ],
)
def test_an_answer_of_an_error_is_raised_as_it(
    status: int, headers: Headers, data: bytes, error: type[Exception], words: str
) -> None:
    async def go() -> None:
        produce = sending(start(status, headers), body(data[:3]), body(data[3:], more=False))
        with pytest.raises(error, match=words) as raised:
            await sender(produce)("/", b"")
        assert getattr(raised.value, "status", None) == status
        if headers:
            assert getattr(raised.value, "retry_after", None) == 7
        kept = await sender(sending(start(399), body(b"", more=False)))("/", b"")
        assert kept.status == 399
        await kept.aclose()

    asyncio.run(go())


def test_who_does_not_answer_has_failed() -> None:
    async def go() -> None:
        with pytest.raises(RateLimited):
            await sender(sending(ends=RateLimited("slowly", 1)))("/", b"")
        with pytest.raises(InternalError, match="There was no answer"):
            await sender(sending())("/", b"")
        for ends, error in ((UpstreamFailed("m", "gone."), UpstreamFailed), (None, InternalError)):
            answer = await sender(sending(start(), body(b"one"), ends=ends))("/", b"")
            assert await answer.read() == b"one", "what came is read first"
            with pytest.raises(error):
                await answer.read()
            await answer.aclose()

    asyncio.run(go())


def test_a_reader_waits_for_the_writer_and_the_writer_for_the_reader() -> None:
    async def go() -> None:
        sent, gate = [], asyncio.Event()

        async def produce(send: Send) -> None:
            await send(start())
            await gate.wait()
            for number in range(4):
                await send(body(b"x" * (HIGH_WATER // 2)))
                sent.append(number)
            await send(body(b"", more=False))

        answer = await sender(produce)("/", b"")
        reading = asyncio.create_task(answer.read())
        await asyncio.sleep(0)
        assert not reading.done()
        gate.set()
        first = await reading
        total = len(first)
        while len(sent) < 3 and total < HIGH_WATER * 2:
            for _ in range(5):
                await asyncio.sleep(0)
            assert answer._size <= HIGH_WATER + HIGH_WATER // 2, "the writer has to wait"
            total += len(await answer.read())
        total += len(await answer.body())
        assert total == 4 * (HIGH_WATER // 2) and sent == [0, 1, 2, 3]
        await answer.aclose()

    asyncio.run(go())


def test_closing_an_answer_ends_its_producer() -> None:
    async def go() -> None:
        ended: list[str] = []

        async def produce(send: Send) -> None:
            try:
                await send(start())
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        seen: list[Any] = []
        answer = await sender(produce, seen)("/", b"")
        await answer.aclose()
        assert ended == ["cancelled"] and seen[3].left
        await answer.aclose()

    asyncio.run(go())


def test_closing_a_complete_answer_lets_its_producer_end_by_itself() -> None:
    async def go() -> None:
        counted: list[str] = []

        async def produce(send: Send) -> None:
            await send(start())
            await send(body(b"all", more=False))
            await asyncio.sleep(0)
            counted.append("tokens")

        answer = await sender(produce)("/", b"")
        assert await answer.body() == b"all"
        await answer.aclose()
        assert counted == ["tokens"] and not answer.client.left

    asyncio.run(go())


def test_who_is_cancelled_while_waiting_ends_the_producer() -> None:
    async def go() -> None:
        ended = asyncio.Event()

        async def produce(send: Send) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()

        asking = asyncio.create_task(sender(produce)("/", b""))
        for _ in range(3):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert ended.is_set()

    asyncio.run(go())


def test_an_answer_without_parts_is_empty() -> None:
    async def go() -> None:
        answer = Answer()
        answer.begin(sending(start(), body(b"", more=False))(answer.send))  # type: ignore[arg-type]
        await answer.head()
        assert await answer.body() == b"" and answer.status == 200
        await answer.aclose()

    asyncio.run(go())
