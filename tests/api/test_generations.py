"""`/v1/generations` on a real server: several readers, joining again, clients that leave, stop, owners, and refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from modelyard.client import AsyncClient, Client
from modelyard.core.errors import GenerationNotFound, InvalidKey, InvalidParameter, ModelNotFound, RateLimited
from modelyard.protocol.generations import GenerationEventInfo
from tests.live import HELLO, Live, error_of, live
from tests.processes import wait_for

EVENT: TypeAdapter[GenerationEventInfo] = TypeAdapter(GenerationEventInfo)
MANY = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("generations") / "home", {"MODELYARD_MAX_GENERATIONS": "4"}) as running:
        running.launched("m")
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made
        for each in made.generations.list():
            made.generations.delete(each["id"])


def body(**fake: Any) -> dict[str, Any]:
    """A request whose answer the engine makes so; without anything, it never ends."""
    return {"model": "m", "messages": HELLO, "fake": fake or {"tokens": 1000, "hang_after": 5}}


def text(events: list[Any]) -> str:
    chunks = [event["data"] for event in events if event["type"] == "chunk"]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def raw(server: Live, name: str, **request: Any) -> list[dict[str, Any]]:
    """The events of one connection, each in the form of server-sent events as documented."""
    found = []
    with server.http.stream("GET", f"/v1/generations/{name}/events", **request) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
        lines = answer.iter_lines()
        for line in lines:
            fields = {}
            while line:
                field, _, value = line.partition(": ")
                fields[field] = value
                line = next(lines)
            event = json.loads(fields["data"])
            assert (str(event["number"]), event["type"]) == (fields["id"], fields["event"])
            EVENT.validate_python(event)
            found.append(event)
    return found


def test_two_readers_and_one_that_joins_after_any_event(server: Live, client: Client) -> None:
    begun = client.generations.begin(body(tokens=MANY, tokens_per_second=200))
    assert begun["state"] == "running" and begun["details"] == {"url": "/v1/chat/completions", "model": "m"}
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(raw, server, begun["id"]) for _ in range(2)]
        first, second = [reader.result() for reader in readers]
    assert first == second and [event["number"] for event in first] == list(range(1, len(first) + 1))
    usage = first[-2]["data"]["usage"]
    assert usage["completion_tokens"] == MANY and len(text(first)) > MANY
    assert first[-1]["data"] == {"state": "completed", "error": None}
    for after in range(0, len(first) + 1, 7):
        assert raw(server, begun["id"], params={"after": after}) == first[after:]
    assert raw(server, begun["id"], params={"after": 1}, headers={"last-event-id": "9"}) == first[9:]
    assert list(client.generations.follow(begun["id"])) == first
    found = client.generations.get(begun["id"])
    assert (found["state"], found["events"]) == ("completed", len(first)) and found["ended_at"] is not None


def test_the_demo_model_with_two_readers(server: Live, client: Client) -> None:
    server.launched("demo", model_name="modelyard-demo", model_engine="llama_cpp", n_parallel=1)
    chat = client.chats.create(settings={"model": "demo"})["id"]
    message = client.answers.begin(chat, "hello", parameters={"max_tokens": 40})["message"]["id"]
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(lambda: list(client.answers.follow(chat, message))) for _ in range(2)]
        first, second = [reader.result() for reader in readers]
    assert first == second and first[-1]["data"]["state"] == "completed"
    for after in range(len(first)):
        assert list(client.answers.follow(chat, message, after)) == first[after:]
    (result,) = [event["data"] for event in first if event["type"] == "result"]
    assert (
        result["usage"]["completion_tokens"] > 0 and 0 < result["timings"]["first_token"] <= result["timings"]["total"]
    )
    assert server.http.delete("/v1/models/demo").status_code == 200


def test_an_answer_outlives_its_client(server: Live, client: Client) -> None:
    with Client(server.url) as first:
        begun = first.generations.begin(body(tokens=MANY, tokens_per_second=200))
        with first.generations.follow(begun["id"]) as events:
            part = [next(events) for _ in range(10)]
    rest = list(client.generations.follow(begun["id"], after=part[-1]["number"]))
    assert client.generations.get(begun["id"])["state"] == "completed"
    assert part + rest == raw(server, begun["id"])


def test_stop_stops_the_model(server: Live, client: Client) -> None:
    begun = client.generations.begin(body())
    with client.generations.follow(begun["id"]) as events:
        assert next(events)["type"] == "chunk"
        assert next(iter(server.http.get("/v1/models/m/replicas").json()))["in_flight"] == 1
        stopped = client.generations.stop(begun["id"])
        assert stopped["state"] == "stopped"
        *_, last = events
    assert (last["type"], last["data"]) == ("end", {"state": "stopped", "error": None})
    wait_for(lambda: next(iter(server.http.get("/v1/models/m/replicas").json()))["in_flight"] == 0)
    assert client.generations.stop(begun["id"]) == stopped
    assert raw(server, begun["id"], params={"follow": "false"})[-1] == last


def test_what_cannot_be_answered_is_refused_at_once(client: Client) -> None:
    with pytest.raises(ModelNotFound):
        client.generations.begin({**body(), "model": "none"})
    with pytest.raises(InvalidParameter, match="messages"):
        client.generations.begin({"model": "m"})
    with pytest.raises(InvalidParameter, match="url"):
        client.generations.begin(body(), url="/v1/embeddings")
    with pytest.raises(GenerationNotFound):
        client.generations.get("gen-0")
    with pytest.raises(GenerationNotFound), client.generations.follow("gen-0") as events:
        next(events)
    assert client.generations.list() == []


def test_failures_are_events(server: Live, client: Client) -> None:
    refused = client.generations.begin(body(error_status=503))
    *_, last = client.generations.follow(refused["id"])
    assert last["data"]["state"] == "failed" and last["data"]["error"]["message"]
    assert client.generations.get(refused["id"])["error"] == last["data"]["error"]
    server.launched("weak", crash_after=3)
    broken = client.generations.begin({**body(tokens=9), "model": "weak"})
    events = list(client.generations.follow(broken["id"]))
    assert text(events) and events[-1]["data"]["state"] == "failed", "what there was stays"
    assert server.http.delete("/v1/models/weak").status_code == 200


def test_completions_too_and_async(server: Live, client: Client) -> None:
    async def main() -> None:
        async with AsyncClient(server.url) as made:
            prompt = {"model": "m", "prompt": "Hello", "fake": {"tokens": 3}}
            begun = await made.generations.begin(prompt, url="/v1/completions")
            events = [event async for event in await made.generations.follow(begun["id"])]
            assert "".join(choice["text"] for event in events[:-1] for choice in event["data"]["choices"])
            assert (await made.generations.list(state="completed"))[0]["id"] == begun["id"]
            assert await made.generations.delete(begun["id"]) is True

    asyncio.run(main())


def test_limits_and_numbers(server: Live, client: Client) -> None:
    begun = [client.generations.begin(body()) for _ in range(4)]
    with pytest.raises(RateLimited, match="MODELYARD_MAX_GENERATIONS"):
        client.generations.begin(body())
    running = client.generations.list(state="running", limit=3)
    assert [each["id"] for each in running] == [each["id"] for each in reversed(begun)][:3]
    path = f"/v1/generations/{begun[0]['id']}/events"
    for request in ({"params": {"after": "900"}}, {"headers": {"last-event-id": "x"}}, {"params": {"after": "-1"}}):
        answer = server.http.get(path, **request)  # type: ignore[arg-type]
        assert answer.status_code == 400, answer.text


def test_owners_and_scopes(tmp_path: Path) -> None:
    with live(tmp_path / "home") as server:
        server.launched("m")
        root = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        server.http.headers.update({"authorization": f"Bearer {root}"})

        def key(**more: Any) -> str:
            return str(server.http.post("/v1/admin/keys", json={"name": "k", **more}).json()["key"])

        ann, ben, other = (key(scopes=["models:read"]) for _ in range(3))
        with Client(server.url, api_key=ann) as client, Client(server.url, api_key=ben) as stranger:
            begun = client.generations.begin(body(tokens=3))
            *_, last = client.generations.follow(begun["id"])
            assert last["data"]["state"] == "completed"
            for call in (stranger.generations.get, stranger.generations.stop, stranger.generations.delete):
                with pytest.raises(GenerationNotFound):
                    call(begun["id"])
            with pytest.raises(GenerationNotFound), stranger.generations.follow(begun["id"]) as events:
                next(events)
            assert stranger.generations.list() == []
            assert [each["owner"] for each in client.generations.list()] == [begun["owner"]]
        assert server.http.get(f"/v1/generations/{begun['id']}").status_code == 200, "an administrator sees all"
        bounded = key(scopes=["models:read"], models=["other"])
        for secret, status in ((key(scopes=["models:list"]), 403), (bounded, 403)):
            answer = httpx.post(
                f"{server.url}/v1/generations", json={"body": body()}, headers={"authorization": f"Bearer {secret}"}
            )
            assert (answer.status_code, error_of(answer)["code"]) == (status, "permission_denied")
        limited = key(scopes=["models:read"], requests_per_minute=1)
        with Client(server.url, api_key=limited) as client:
            for expected in ("completed", "failed"):
                name = client.generations.begin(body(tokens=1))["id"]
                *_, last = client.generations.follow(name)
                assert last["data"]["state"] == expected
            assert last["data"]["error"]["code"] == "rate_limit_exceeded"
        with Client(server.url, api_key=other) as client:
            begun = client.generations.begin(body(tokens=100_000, tokens_per_second=100))
            with pytest.raises(InvalidKey), client.generations.follow(begun["id"]) as events:
                next(events)
                (mine,) = [
                    each for each in server.http.get("/v1/admin/keys").json()["data"] if each["id"] == begun["owner"]
                ]
                assert server.http.delete(f"/v1/admin/keys/{mine['id']}").status_code == 200
                for _ in events:
                    pass
            assert server.http.post(f"/v1/generations/{begun['id']}/stop").json()["state"] == "stopped"
