"""`/v1/events` on real servers: what is in it, who sees what, and readers that are cut off, late or slow."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import TypeAdapter

from modelyard.client import AsyncClient, Client
from modelyard.core.errors import InvalidKey
from modelyard.core.event_ring import MOST_BYTES
from modelyard.protocol.server_events import ServerEvent, Topic
from modelyard.web.event_reader import PORTION
from tests.api.knowing import Base, embedding
from tests.api.serving import ServedHere, served_here
from tests.live import Live, error_of, live

ALL = {"models", "replicas", "progress", "downloads", "jobs", "gauges"}
EVENT: TypeAdapter[Any] = TypeAdapter(ServerEvent)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    nowhere = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "UV_NO_CACHE": "1", "PIP_CONFIG_FILE": "/dev/null"}
    with live(tmp_path_factory.mktemp("events") / "home", nowhere) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        yield running


@contextmanager
def reading(http: httpx.Client, after: str | None = None, **query: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of one connection; each is checked against its documented type."""
    headers = {} if after is None else {"last-event-id": after}
    with http.stream("GET", "/v1/events", params=query, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
        yield checked(answer.iter_lines())


def checked(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        fields = {}
        while line:
            name, _, value = line.partition(": ")
            fields[name] = value
            line = next(lines)
        if "data" in fields:
            event = json.loads(fields["data"])
            assert (event["id"], event["type"]) == (fields["id"], fields["event"])
            EVENT.validate_python(event)
            yield event


def present(http: httpx.Client, after: str | None = None, **query: str) -> list[dict[str, Any]]:
    """The events that there are at present."""
    with reading(http, after, follow="false", **query) as events:
        return list(events)


def until(events: Iterator[dict[str, Any]], last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The events up to the first one that `last` is true of."""
    found = []
    for event in events:
        found.append(event)
        if last(event):
            return found
    raise AssertionError("the stream ended")


def of(events: list[dict[str, Any]], type: str) -> list[Any]:
    return [event["data"] for event in events if event["type"] == type]


def is_gone(uid: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["type"] == "model_removed" and event["data"]["id"] == uid


def is_done(job: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["data"].get("id") == job and event["data"]["state"] == "done"


@pytest.fixture
def key(server: Live) -> Iterator[Callable[..., httpx.Client]]:
    """Makes a key, and a client that sends it."""
    made: list[httpx.Client] = []

    def make(**body: Any) -> httpx.Client:
        secret = server.http.post("/v1/admin/keys", json={"name": "reader", **body}).json()["key"]
        made.append(httpx.Client(base_url=server.url, timeout=60, headers={"authorization": f"Bearer {secret}"}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_life_of_a_model_is_in_the_stream(server: Live) -> None:
    with reading(server.http) as events:
        first = next(events)
        assert first["type"] == "snapshot" and set(first["data"]) == ALL
        server.launched("life")
        assert server.http.delete("/v1/models/life").status_code == 200
        found = until(events, is_gone("life"))
    states = [model["status"] for model in of(found, "model") if model["id"] == "life"]
    assert states[0] in ("CREATING", "LOADING") and "READY" in states
    assert of(found, "replicas")[-1] == {"model_uid": "life", "replicas": []}
    assert of(found, "progress")[-1]["progress"]["stage"] == "pending"
    told = [each["event"]["event_content"] for each in of(found, "model_event") if each["model_uid"] == "life"]
    assert told[0] == "Launch model" and told[-1] == "Terminated"
    kept = [each["event_content"] for each in server.http.get("/v1/models/life/events").json()]
    assert told == kept


def test_the_snapshot_has_what_the_lists_have(server: Live) -> None:
    server.launched("snap")
    (snapshot,) = present(server.http)
    data = snapshot["data"]
    assert data["models"] == server.http.get("/v1/models").json()["data"]
    assert {each["model_uid"]: each["progress"]["stage"] for each in data["progress"]}["snap"] == "completed"
    mine = next(each for each in data["replicas"] if each["model_uid"] == "snap")
    assert [each["status"] for each in mine["replicas"]] == ["READY"]
    assert data["jobs"] == server.http.get("/v1/jobs", params={"limit": 100}).json()["data"]
    assert data["downloads"] == server.http.get("/v1/downloads").json()["list"]
    gauge = data["gauges"]["models"]["snap"]
    assert (gauge["in_flight"], gauge["replicas"], set(gauge["figures"])) == (0, {"0": 0}, {"0"})
    assert gauge["tokens_per_second"] == 0
    assert gauge["figures"]["0"]["in_flight"] == 0 and gauge["figures"]["0"]["kv_cache_percent"] is None
    assert data["gauges"]["devices"][0]["name"] == "cpu"


def test_jobs_of_every_way_of_working_are_in_the_stream(server: Live) -> None:
    embedding(server, "vec")
    with reading(server.http, topics="jobs") as events:
        next(events)
        Base.made(server, "notes", embedding_model="vec").add({"a.txt": b"the gate is green"})
        indexing = until(events, lambda event: event["data"]["state"] == "done")
        install = {"kind": "engine_install", "parameters": {"engine": "vllm"}}
        job = server.http.post("/v1/jobs", json=install).json()["id"]
        installing = until(events, lambda event: event["data"]["id"] == job and event["data"]["state"] == "failed")
        server.http.delete(f"/v1/jobs/{job}")
        removed = until(events, lambda event: event["type"] == "job_removed")[-1]
    assert {each["kind"] for each in of(indexing, "job")} == {"knowledge_index"}
    assert indexing[-1]["data"]["progress"] == {"done": 1, "total": 1, "unit": "documents", "message": ""}
    states = [each["state"] for each in of(installing, "job") if each["id"] == job]
    assert states[0] in ("queued", "running") and states[-1] == "failed"
    assert removed["data"] == {"id": job}


def test_a_reader_that_was_cut_off_gets_exactly_what_it_missed(server: Live) -> None:
    with reading(server.http) as events:
        number = next(events)["id"]
    with reading(server.http, number) as events:
        server.launched("cut")
        server.http.delete("/v1/models/cut")
        whole = until(events, is_gone("cut"))
    for place in (0, len(whole) // 2, len(whole) - 2):
        again = present(server.http, whole[place]["id"])
        assert again[: len(whole) - place - 1] == whole[place + 1 :]
        by_query = present(server.http, after=whole[place]["id"])
        assert by_query[: len(again)] == again


@pytest.mark.parametrize("strange", ["", "nonsense", "0123456789-5", "-1", "7"])
def test_an_id_of_no_event_gets_a_snapshot(server: Live, strange: str) -> None:
    assert present(server.http, strange)[0]["type"] == "snapshot"


def test_topics_choose_what_is_sent(server: Live) -> None:
    with reading(server.http, topics="replicas, model_events") as events:
        first = next(events)
        assert list(first["data"]) == ["replicas"]
        server.launched("chosen")
        server.http.delete("/v1/models/chosen")
        found = until(
            events,
            lambda event: event["type"] == "model_event" and event["data"]["event"]["event_content"] == "Terminated",
        )
    assert {event["topic"] for event in found} == {"replicas", "model_events"}
    wrong = server.http.get("/v1/events", params={"topics": "models,weather"})
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "topics")
    assert "'weather' is none of models, replicas" in error_of(wrong)["message"]


def test_a_head_request_ends(server: Live) -> None:
    answer = server.http.head("/v1/events")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")


def test_a_key_gets_only_topics_that_its_scopes_allow(key: Callable[..., httpx.Client]) -> None:
    lists = key(scopes=["models:list"])
    (snapshot,) = present(lists)
    assert set(snapshot["data"]) == {"models", "replicas", "jobs", "gauges"}  # gauges: as /metrics on loopback
    refused = lists.get("/v1/events", params={"topics": "models,downloads"})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
    assert "'cache:list'" in error_of(refused)["message"]


def test_a_job_that_is_over_at_once_is_in_the_stream(server: Live) -> None:
    """Jobs that begin and end between two looks at the rows are published as they ended."""
    base = Base.made(server, "quick jobs")
    with reading(server.http, topics="jobs") as events:
        next(events)
        for number in range(8):
            files = [("files", (f"{number}.txt", b"one word", "text/plain"))]
            answer = server.http.post(f"/v1/knowledge_bases/{base.name}/documents", files=files)
            until(events, is_done(answer.json()["job"]))


def test_a_key_sees_its_own_models_and_jobs_only(server: Live, key: Callable[..., httpx.Client]) -> None:
    narrow = key(scopes=["models:list", "models:read", "cache:list"], models=["mine"])
    with reading(narrow) as events:
        first = next(events)["data"]
        assert first["models"] == first["replicas"] == first["progress"] == first["jobs"] == []
        assert "downloads" not in first
        server.launched("other")
        server.http.post("/v1/jobs", json={"kind": "engine_install", "parameters": {"engine": "vllm"}})
        server.launched("mine")
        found = until(events, lambda event: event["type"] == "model" and event["data"]["status"] == "READY")
        server.http.delete("/v1/models/other")
        server.http.delete("/v1/models/mine")
        found += until(events, is_gone("mine"))
    seen = [event for event in found if event["type"] != "gauges"]
    assert {event["data"].get("model_uid") or event["data"]["id"] for event in seen} == {"mine"}
    assert of(found, "job") == []


def test_the_stream_of_a_revoked_key_ends_with_the_error(server: Live) -> None:
    made = server.http.post("/v1/admin/keys", json={"name": "short", "scopes": ["models:list"]}).json()
    with Client(server.url, api_key=made["key"]) as client:
        events = client.events.follow(["models"])
        assert next(events)["type"] == "snapshot"
        server.http.delete(f"/v1/admin/keys/{made['id']}")
        server.launched("after-revocation")
        with pytest.raises(InvalidKey, match="unknown or was revoked"):
            list(events)


def test_the_clients_stream_goes_on_after_a_restart_with_a_snapshot(tmp_path: Path) -> None:
    with live_at(tmp_path / "home", 0) as first, Client(first.url) as client:
        events = client.events.follow(["models", "jobs"])
        before = next(events)
        first.kill()
        with live_at(tmp_path / "home", urlsplit(first.url).port or 0) as second:
            after = next(events)
            assert after["type"] == "snapshot" and after["data"]["models"] == []
            assert after["id"].partition("-")[0] != before["id"].partition("-")[0]
            second.launched("new")
            assert next(events)["data"]["id"] == "new"
            events.close()
            assert second.stop() == 0


@contextmanager
def live_at(home: Path, port: int) -> Iterator[Live]:
    with live(home, {"MODELYARD_PORT": str(port)}) as server:
        yield server


async def happenings(client: AsyncClient, here: ServedHere, count: int, every: int) -> list[str]:
    """What a reader gets of so many events, while all connections are cut after every few of them."""
    stream = await client.events.follow(["model_events"])
    assert (await anext(stream))["type"] == "snapshot"
    for number in range(count):
        here.parts.events.happened("m", "INFO", str(number))
        if number % every == 0:
            here.cut()
    found = []
    async for event in stream:
        found.append(event["data"]["event"]["event_content"])
        if len(found) % 10 == 0:
            here.cut()
        if found[-1] == str(count - 1):
            return found
    raise AssertionError("the stream ended")


def test_a_stream_whose_connections_break_misses_and_repeats_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_here(tmp_path / "home") as here, AsyncClient(here.url) as client:
            assert await happenings(client, here, 40, 7) == [str(number) for number in range(40)]

    asyncio.run(run())


def numbers(data: bytes) -> list[tuple[int, str]]:
    """Number and type of the whole events in the bytes of a stream."""
    blocks = [block for block in data.replace(b"\r\n", b"\n").split(b"\n\n") if b"\ndata: {" in block]
    events = [json.loads(block.partition(b"\ndata: ")[2]) for block in blocks if block.endswith(b"}")]
    return [(int(event["id"].rpartition("-")[2]), event["type"]) for event in events]


def test_a_slow_reader_is_bounded_and_begins_anew(tmp_path: Path) -> None:
    """It reads nothing while three times as much is published as the server keeps."""

    async def run() -> None:
        async with served_here(tmp_path / "home") as here:
            target = urlsplit(here.url)
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(slow, (target.hostname, target.port))
            head = b"GET /v1/events?topics=models,model_events HTTP/1.0\r\nHost: localhost\r\n\r\n"
            await loop.sock_sendall(slow, head)
            data = b""
            while b"event: snapshot" not in data:
                data += await loop.sock_recv(slow, 65536)
            ring, sentence, waiting = here.parts.events.ring, "x" * 10_000, 0
            for number in range(3 * MOST_BYTES // len(sentence)):
                here.parts.events.happened("m", "INFO", f"{number} {sentence}")
                await asyncio.sleep(0)
                waiting = max(waiting, *(each.get_write_buffer_size() for each in here.transports()))
            assert waiting < 4 * PORTION and ring.size <= MOST_BYTES
            while data.count(b"event: snapshot") < 2:
                data += await loop.sock_recv(slow, 1 << 20)
            here.parts.events.happened("m", "INFO", "the last one")
            while b"the last one" not in data:
                data += await loop.sock_recv(slow, 1 << 20)
            slow.close()
            found = numbers(data)
            assert [kind for _, kind in found[:1]] == ["snapshot"]
            for (before, _), (after, kind) in pairwise(found):
                assert after == before + 1 or (kind == "snapshot" and after > before)

    asyncio.run(run())


def test_the_snippets_of_the_page(
    server: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELYARD_API_KEY", server.http.headers["authorization"].removeprefix("Bearer "))
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for snippet in snippets:
        real = snippet.replace("http://127.0.0.1:9997", server.url)
        exec(real.replace('"modelyard-demo"', '"echo", model_engine="fake"'), {})
    assert capsys.readouterr().out == "READY\nTrue\n"


def test_the_page_names_every_topic_and_type() -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE)
    types = {name for _, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert [topic for topic, _ in rows] == list(get_args(Topic))
    assert types | {"snapshot"} == set(EVENT.json_schema()["discriminator"]["mapping"])


@pytest.mark.parametrize("as_json", [False, True])
def test_following_in_the_shell(server: Live, as_json: bool) -> None:
    key = server.http.headers["authorization"].removeprefix("Bearer ")
    command = [sys.executable, "-m", "modelyard", "events", "--follow", "--endpoint", server.url, *["--json"] * as_json]
    env = {**os.environ, "MODELYARD_API_KEY": key, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        server.launched("shell")
        server.http.delete("/v1/models/shell")
        lines = [first, *takewhile(lambda line: "shell" not in line or "removed" not in line, child.stdout)]
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
    if as_json:
        types = {EVENT.validate_json(line).type for line in lines}
        assert types >= {"snapshot", "model", "replicas", "progress", "model_event"}
    else:
        said = [line.split(maxsplit=1)[1].strip() for line in lines]
        assert "model            shell READY" in said and "replicas         shell: 0 READY" in said
        assert "model_event      shell INFO Terminated" in said


def test_topics_of_the_shell_need_follow(server: Live) -> None:
    command = [sys.executable, "-m", "modelyard", "events", "--topics", "models", "--endpoint", server.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "needs --follow" in done.stderr


def test_what_happened_is_listed_also_of_models_that_are_gone(server: Live, key: Callable[..., httpx.Client]) -> None:
    for uid in ("past-one", "past-two"):
        server.launched(uid)
        assert server.http.delete(f"/v1/models/{uid}").status_code == 200
    crashing = {"model_name": "past-ill", "model_uid": "past-ill", "model_engine": "fake", "crash_at_start": "no luck"}
    assert server.http.post("/v1/models", json=crashing).status_code == 502
    secret = server.http.headers["authorization"].removeprefix("Bearer ")
    with Client(server.url, api_key=secret) as client:
        found = [each for each in client.events.past(limit=2) if each["model_uid"].startswith("past-")]
        assert [each["id"] for each in found] == sorted({each["id"] for each in found}, reverse=True)
        assert {each["model_uid"] for each in found} == {"past-one", "past-two", "past-ill"}
        (failed, *_) = client.events.past("past-ill", "ERROR")
        assert "no luck" in failed["text"] and failed["type"] == "ERROR"
    narrow = key(scopes=["models:read"], models=["past-one"])
    assert {each["model_uid"] for each in narrow.get("/v1/events/models").json()["data"]} == {"past-one"}
    assert narrow.get("/v1/events/models", params={"model": "past-two"}).status_code == 403
    assert key(scopes=["models:list"]).get("/v1/events/models").status_code == 403
    for wrong in ({"after": "x"}, {"type": "LOUD"}, {"limit": "0"}):
        assert server.http.get("/v1/events/models", params=wrong).status_code == 400
