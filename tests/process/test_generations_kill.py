"""SIGKILL while answers are made: every event that a reader was sent is there after the restart; the answers are interrupted."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import Client
from tests.chat_pairs import text_of
from tests.live import HELLO, Live
from tests.processes import wait_for

POINTS = int(os.environ.get("GENERATION_KILLS", "4"))
ANSWERS = 3
MODEL = os.environ.get("GENERATION_KILLS_MODEL", "m")


class SentEvents:
    """Counts what readers were sent."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def note(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._count >= number, 60)


class Reader(threading.Thread):
    """Begins an answer, and collects its events until the server is gone."""

    def __init__(self, url: str, sent: SentEvents, speed: float, chat: str | None) -> None:
        """The answer is one of a chat, or if there is none, one to a request."""
        super().__init__()
        self.id = ""
        self.events: list[Any] = []
        self.chat = chat
        self._url = url
        self._sent = sent
        self._parameters = {"fake": {"tokens": 10**6, "tokens_per_second": speed}}

    def _begin(self, http: httpx.Client) -> str:
        if self.chat is None:
            body = {"model": MODEL, "messages": HELLO, **self._parameters}
            self.id = http.post("/v1/generations", json={"body": body}).json()["id"]
            return f"/v1/generations/{self.id}/events"
        question = {"content": "Hello?", "model": MODEL, "parameters": self._parameters}
        self.id = http.post(f"/v1/chats/{self.chat}/answers", json=question).json()["message"]["id"]
        return f"/v1/chats/{self.chat}/messages/{self.id}/events"

    def follow(self, client: Client, after: int = 0) -> list[Any]:
        """The events that there are."""
        if self.chat is None:
            return list(client.generations.follow(self.id, after))
        return list(client.answers.follow(self.chat, self.id, after))

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as http:
            try:
                path = self._begin(http)
                self._sent.note()
                with http.stream("GET", path) as answer:
                    for line in answer.iter_lines():
                        if line.startswith("data: "):
                            self.events.append(json.loads(line[6:]))
                            self._sent.note()
            except httpx.TransportError:
                return


class Kills:
    """A server that is killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.moments = random.Random(18)
        self.server = Live(home)
        self.server.launched(MODEL)

    def kill(self, after: int) -> list[Reader]:
        """Kill the server after readers were sent so many events, and start it again."""
        sent = SentEvents()
        speeds = [self.moments.choice((50, 400, 0)) for _ in range(ANSWERS)]
        chats = [self.server.http.post("/v1/chats", json={}).json()["id"], None, None]
        pairs = zip(speeds, chats, strict=True)
        readers = [Reader(self.server.url, sent, speed, chat) for speed, chat in pairs]
        for each in readers:
            each.start()
        try:
            sent.wait_for(after)
        finally:
            self.server.kill()
            self.server.http.close()
            for each in readers:
                each.join()
        self.server = Live(self.home)
        return readers


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kills]:
    made = Kills(tmp_path_factory.mktemp("kill") / "home")
    yield made
    made.server.close()


@pytest.mark.parametrize("point", range(POINTS))
def test_sigkill_at_any_moment(kills: Kills, point: int) -> None:
    readers = kills.kill(after=kills.moments.randint(1, 400))
    with Client(kills.server.url) as client:
        for reader in (each for each in readers if each.id):
            events = reader.follow(client)
            assert events[: len(reader.events)] == reader.events, "each event that was sent is there"
            assert [event["number"] for event in events] == list(range(1, len(events) + 1))
            assert events[-1]["data"] == {"state": "interrupted", "error": None}
            assert reader.follow(client, len(reader.events)) == events[len(reader.events) :]
            if reader.chat is not None:
                check_message(client, reader.chat, reader.id, events)
        assert client.generations.list(state="running") == []
        assert {each["state"] for each in client.generations.list()} == {"interrupted"}
        for each in client.generations.list():
            client.generations.delete(each["id"])
    assert list((kills.home / "generations").iterdir()) == []
    kills.server.until(MODEL, "READY")


def test_a_stop_of_the_server_interrupts_answers(kills: Kills) -> None:
    chat = kills.server.http.post("/v1/chats", json={}).json()["id"]
    reader = Reader(kills.server.url, SentEvents(), 50, chat)
    reader.start()
    wait_for(lambda: len(reader.events) > 3)
    assert kills.server.stop() == 0
    reader.join()
    kills.server.http.close()
    kills.server = Live(kills.home)
    with Client(kills.server.url) as client:
        events = reader.follow(client)
        assert events[: len(reader.events)] == reader.events and events[-1]["data"]["state"] == "interrupted"
        check_message(client, chat, reader.id, events)


def check_message(client: Client, chat: str, id: str, events: list[Any]) -> None:
    """The message of an interrupted answer has all text that there was."""
    (message,) = [each for each in client.chats.get(chat)["messages"] if each["id"] == id]
    assert message["state"] == "stopped"
    assert text_of(message) == "".join(each["data"]["text"] for each in events if each["type"] == "text")
