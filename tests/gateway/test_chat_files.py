"""Chats with files: the gateway has the texts put in their place, and reading ends with the request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from modelyard.core.access import Grant
from modelyard.gateway.chat_files import has_files, no_files
from modelyard.gateway.model_call import json_call
from modelyard.gateway.paths import PATHS
from tests.gateway.conftest import MESSAGES, Replica, Reply, Yard, chat, route, until

CHAT = "/v1/chat/completions"
FILE = {"type": "file", "file": {"file_id": "file-1"}}


def with_parts(*parts: Any) -> dict[str, Any]:
    return chat(messages=[*MESSAGES, {"role": "user", "content": [*parts]}])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (chat(), False),
        (chat(logprobs=None), False),
        (with_parts({"type": "text", "text": '"file"'}), False),
        (with_parts({"type": "text", "text": "a"}, FILE), True),
        (with_parts({"file": {}}), True),
    ],
)
def test_bodies_with_files(body: Any, found: bool) -> None:
    assert has_files(json_call(PATHS[CHAT], json.dumps(body).encode())) is found


class SlowReader:
    """Reads files for ever."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    async def read(self, body: bytes, grant: Grant | None) -> bytes:
        """Wait until it is cancelled."""
        self.began.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.ended.set()
        raise AssertionError


@pytest.fixture
def reader(yard: Yard, replica: Replica) -> Iterator[SlowReader]:
    reader = SlowReader()
    yard.publish(route(replica.endpoint))
    yard.gateway.read_files = reader.read
    yield reader
    yard.gateway.read_files = no_files


def test_reading_ends_when_the_client_leaves(yard: Yard, replica: Replica, reader: SlowReader) -> None:
    answered = replica.stats()["requests"]
    connection = yard.connect()
    connection.request("POST", CHAT, json.dumps(with_parts(FILE)), {"content-type": "application/json"})
    assert reader.began.wait(10)
    connection.close()
    assert reader.ended.wait(10)
    until(yard.idle, "still in flight")
    assert replica.stats()["requests"] == answered


def test_reading_ends_when_the_request_is_aborted(yard: Yard, reader: SlowReader) -> None:
    answers: list[Reply] = []
    sending = threading.Thread(target=lambda: answers.append(yard.post(with_parts(FILE), x_request_id="slow")))
    sending.start()
    assert reader.began.wait(10)
    assert yard.on_loop(lambda: yard.gateway.abort("m", "slow", None))
    sending.join(10)
    assert reader.ended.is_set() and answers[0].json["error"]["code"] == "request_aborted"


def test_a_gateway_without_a_reader(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    answer = yard.post(with_parts(FILE))
    assert answer.status == 400 and answer.json["error"]["param"] == "messages"
