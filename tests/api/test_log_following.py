"""`/v1/models/{uid}/logs?follow=true` on a real server: every line once, across new replicas and broken connections."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.client import Client
from modelyard.core.errors import InvalidKey, ModelNotFound
from tests.live import Live, error_of, events, live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("following") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url, api_key=server.http.headers["authorization"].removeprefix("Bearer ")) as one:
        yield one


def files(server: Live, uid: str) -> dict[str, list[str]]:
    """Replica → all lines of its log file."""
    found = Path(server.home, "logs", uid).glob("*.log")
    return {path.stem: path.read_text(encoding="utf-8").splitlines() for path in found}


def test_every_line_of_every_replica_comes_once(server: Live, client: Client) -> None:
    server.launched("lines")
    printed: dict[str, list[str]] = {}
    portions: list[Any] = []
    for portion in client.models.follow_logs("lines", lines=10_000):
        portions.append(portion)
        printed.setdefault(portion["replica"] or "", []).extend(portion["lines"])
        if len(portions) == 1:
            (replica,) = server.replicas("lines")
            os.kill(replica["pid"], signal.SIGKILL)
        elif portion["replica"] != portions[0]["replica"] and not portion["ended"]:
            client.models.terminate("lines")
    assert portions[-1]["ended"] and len(printed) == 2
    assert printed == files(server, "lines")
    again = server.http.get("/v1/models/lines/logs", params={"follow": "true", "after": portions[0]["id"]}).text
    rest = [line for event in events(again) for line in event["lines"]]
    assert rest == printed[portions[0]["replica"]][len(portions[0]["lines"]) :] + printed[portions[-1]["replica"]]


def test_an_offset_and_a_number_of_lines_choose_the_beginning(server: Live) -> None:
    server.launched("begin")
    server.http.delete("/v1/models/begin")
    ((replica, lines),) = files(server, "begin").items()
    offset = len(lines[0].encode()) + 1
    for query, expected in (({"lines": 1}, lines[-1:]), ({"offset": offset}, lines[1:]), ({"offset": 0}, lines)):
        answer = server.http.get("/v1/models/begin/logs", params={"follow": "true", **query})
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = events(answer.text)
        assert [line for each in found for line in each["lines"]] == expected
        assert found[-1]["ended"] and {each["replica"] for each in found} == {replica}


def test_what_cannot_be_followed_is_refused(server: Live, client: Client) -> None:
    with pytest.raises(ModelNotFound):
        client.models.follow_logs("nobody")
    server.launched("plain")
    for after in ("x", "5", "@m", "-1@m", "9" * 20 + "@m"):
        wrong = server.http.get("/v1/models/plain/logs", params={"follow": "true", "after": after})
        assert (wrong.status_code, error_of(wrong)["param"]) == (400, "after")


def test_a_follower_needs_the_scope_and_a_key_that_lasts(server: Live) -> None:
    server.launched("secret")
    made = server.http.post("/v1/admin/keys", json={"name": "reader", "scopes": ["models:read", "models:list"]}).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    refused = server.http.get("/v1/models/secret/logs", params={"follow": "true"}, headers=headers)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
    made = server.http.post("/v1/admin/keys", json={"name": "logs", "scopes": ["logs:list"]}).json()
    with Client(server.url, api_key=made["key"]) as reader:
        portions = reader.models.follow_logs("secret")
        assert next(portions)["lines"]
        server.http.delete(f"/v1/admin/keys/{made['id']}")
        with pytest.raises(InvalidKey):
            list(portions)
