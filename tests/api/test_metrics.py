"""Figures on a real server: they agree with what was sent, keys see what they may, and the page's snippets run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from modelyard.client import Client
from modelyard.core.errors import InvalidKey
from tests.live import HELLO, Live, error_of, live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("metrics") / "home") as running:
        for uid in ("m", "modelyard-demo"):
            running.launched(uid)
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that requires keys, asked with an administrator's."""
    with live(tmp_path_factory.mktemp("locked") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        for uid in ("m", "other"):
            running.launched(uid)
        yield running


def key(server: Live, name: str = "app", **body: Any) -> str:
    """A new key, as the value of `Authorization`."""
    answer = server.http.post("/v1/admin/keys", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    return f"Bearer {answer.json()['key']}"


def series(server: Live, authorization: str) -> list[dict[str, Any]]:
    answer = server.http.get("/v1/metrics/series", headers={"authorization": authorization})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def totals(server: Live, **query: Any) -> dict[str, float]:
    """Figure → the sum of all steps, of one model."""
    found = server.http.get("/v1/metrics/series", params={"model": "m", **query})
    assert found.status_code == 200, found.text
    series = [each for each in found.json()["data"] if each["unit"] == "count" and each["name"] != "in_flight"]
    return {each["name"]: sum(value or 0 for value in each["values"]) for each in series}


def test_figures_agree_with_what_was_asked(server: Live) -> None:
    before = totals(server)
    usages = [server.chat("m", max_tokens=tokens).json()["usage"] for tokens in (3, 5)]
    streamed = server.chat("m", max_tokens=6, stream=True, stream_options={"include_usage": True})
    assert streamed.status_code == 200
    assert server.chat("m", fake={"error_status": 500}).status_code == 500
    for step in (0, 10):
        after = totals(server, step=step)
        change = {name: value - before.get(name, 0) for name, value in after.items()}
        assert (change["requests"], change["errors"], change["tokens_out"]) == (4, 1, 3 + 5 + 6)
        assert change["tokens_in"] == usages[0]["prompt_tokens"] * 3
    found = server.http.get("/v1/metrics/series", params={"name": ["ttft", "duration"], "model": "m"}).json()["data"]
    assert {(each["name"], each["quantile"]) for each in found} == {
        (name, quantile) for name in ("ttft", "duration") for quantile in (0.5, 0.95, 0.99)
    }  # fmt: skip
    assert all(0 < value < 60 for each in found for value in each["values"] if value is not None)


def test_a_stream_without_usage_is_counted_by_its_events(server: Live) -> None:
    before = totals(server).get("tokens_out", 0)
    assert server.chat("m", max_tokens=9, stream=True).status_code == 200
    assert totals(server)["tokens_out"] - before == 9


def test_a_replica_has_a_load_and_so_has_the_machine(server: Live) -> None:
    def look() -> set[tuple[str | None, str | None]] | None:
        found = server.http.get("/v1/metrics/series", params={"name": "memory", "by": "replica"}).json()["data"]
        return {(each["replica"], each["device"]) for each in found}

    wanted = {("m-rep0", None), (None, "cpu"), (None, "server")}
    deadline = time.monotonic() + 30
    while not wanted <= (look() or set()):
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("query", "param"),
    [({"name": "nonsense"}, "name"), ({"by": "user"}, "by"), ({"since": -1}, "since"), ({"step": "x"}, "step")],
)
def test_a_wrong_parameter_is_named(server: Live, query: dict[str, Any], param: str) -> None:
    answer = server.http.get("/v1/metrics/series", params=query)
    assert answer.status_code == 400 and param in error_of(answer)["param"]


def test_the_client_reads_series(server: Live) -> None:
    server.chat("m")
    with Client(server.url) as client:
        found = client.metrics.series(["requests"], by="all", since=time.time() - 60, step=5)
        assert found["step"] >= 5 and [each["name"] for each in found["data"]] == ["requests"]


def test_the_snippets_of_the_page(server: Live, capsys: pytest.CaptureFixture[str]) -> None:
    server.chat("modelyard-demo", stream=True)
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(snippet.replace("http://127.0.0.1:9997", server.url), {})
    printed = capsys.readouterr().out
    assert re.search(r"^requests None \[\d", printed, re.MULTILINE) and re.search(
        r"^ttft 0.5 \[0", printed, re.MULTILINE
    )


def test_a_key_for_some_models_sees_no_others(locked: Live) -> None:
    limited = key(locked, models=["m"])
    for uid in ("m", "other"):
        assert locked.chat(uid).status_code == 200
    seen = {each["model"] for each in series(locked, limited)}
    assert seen == {"m"}
    assert {"m", "other"} <= {each["model"] for each in series(locked, locked.http.headers["authorization"])}


def asked(server: Live, authorization: str, **query: Any) -> list[dict[str, Any]]:
    answer = server.http.get("/v1/requests", headers={"authorization": authorization}, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_a_request_is_listed_with_its_times_and_tokens_and_no_text(server: Live) -> None:
    answer = server.chat("m", max_tokens=4, stream=True, stream_options={"include_usage": True})
    listed = server.http.get("/v1/requests", params={"model": "m", "limit": 1})
    request = listed.json()["data"][0]
    assert request["id"] == answer.headers["x-request-id"]
    assert (request["status"], request["outcome"], request["tokens_out"]) == (200, "complete", 4)
    assert request["replica"].startswith("m-rep0-") and not request["estimated"]
    assert 0 < request["ttft"] <= request["seconds"] and abs(request["at"] - time.time()) < 60
    assert "hello" not in listed.text


def test_a_key_sees_only_its_own_requests(locked: Live) -> None:
    first, second = key(locked, "first"), key(locked, "second")
    headers = {"authorization": first, "x-request-id": "of-the-first"}
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert locked.http.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
    assert [each["id"] for each in asked(locked, first)] == ["of-the-first"]
    assert asked(locked, second) == asked(locked, second, key="first") == []
    root = locked.http.headers["authorization"]
    assert "of-the-first" in {each["id"] for each in asked(locked, root, key="first", status="2xx")}
    assert locked.http.get("/v1/requests", headers={"authorization": "Bearer wrong"}).status_code == 401


def test_the_commands_of_the_page(server: Live) -> None:
    server.chat("modelyard-demo")
    server.chat("modelyard-demo", fake={"error_status": 422})
    environment = {**os.environ, "MODELYARD_ENDPOINT": server.url}
    lines = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert lines
    for line in lines:
        for arguments in (shlex.split(line)[1:], [*shlex.split(line)[1:], "--json"]):
            done = subprocess.run(
                [sys.executable, "-m", "modelyard", *arguments], env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0 and done.stdout, (line, done.stderr)
            assert arguments[-1] != "--json" or json.loads(done.stdout)


def used(server: Live, authorization: str, **query: Any) -> list[dict[str, Any]]:
    answer = server.http.get("/v1/usage", headers={"authorization": authorization}, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_usage_is_that_of_the_key_and_says_when_it_was_used(locked: Live) -> None:
    mine, other = key(locked, "mine"), key(locked, "other")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
    for _ in range(2):
        answer = locked.http.post("/v1/chat/completions", json=body, headers={"authorization": mine})
    usage = answer.json()["usage"]
    [row] = used(locked, mine)
    assert (row["key_name"], row["model"], row["requests"], row["errors"]) == ("mine", "m", 2, 0)
    assert (row["tokens_in"], row["tokens_out"]) == (2 * usage["prompt_tokens"], 2 * usage["completion_tokens"])
    assert used(locked, other) == used(locked, other, key="mine") == []
    listed = {each["name"]: each for each in locked.http.get("/v1/admin/keys").json()["data"]}
    assert abs(listed["mine"]["last_used_at"] - time.time()) < 60 and listed["other"]["last_used_at"] is not None
    assert listed["mine"]["created_at"] < listed["mine"]["last_used_at"]


def test_figures_are_followed(locked: Live) -> None:
    locked.launched("followed")
    mine = key(locked, "watching", scopes=["monitor:view", "models:read"]).removeprefix("Bearer ")
    with Client(locked.url, api_key=mine) as client, client.metrics.follow(["requests"], "followed", "all") as stream:
        events = iter(stream)
        first = next(events)
        assert first["steps"] > 100 and first["step"] == 1
        end, found = first["id"], 0.0
        body = {"model": "followed", "messages": HELLO}
        locked.http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {mine}"})
        for event in events:
            assert str(int(event["since"])) == end and event["steps"] > 0
            end = event["id"]
            found += sum(value or 0 for each in event["data"] for value in each["values"])
            if found:
                break
        assert found == 1
        locked.http.delete(f"/v1/admin/keys/{mine[:8]}")
        with pytest.raises(InvalidKey):
            list(events)


def test_a_key_that_is_revoked_ends_a_stream_of_long_steps(locked: Live) -> None:
    mine = key(locked, "daily", scopes=["monitor:view"]).removeprefix("Bearer ")
    with Client(locked.url, api_key=mine) as client, client.metrics.follow(["requests"], by="all", step=86_400) as days:
        locked.http.delete(f"/v1/admin/keys/{mine[:8]}")
        with pytest.raises(InvalidKey):
            list(days)


def test_usage_is_read_page_by_page(locked: Live) -> None:
    for name in ("p1", "p2", "p3"):
        mine = key(locked, name, scopes=["models:read"])
        for model in ("m", "absent"):
            body = {"model": model, "messages": HELLO}
            locked.http.post("/v1/chat/completions", json=body, headers={"authorization": mine})
    with Client(locked.url, api_key=locked.http.headers["authorization"][7:]) as client:
        groups: list[list[Literal["day", "key", "user", "model"]]] = [[], ["model"], ["key", "model"], ["day"]]
        for by in groups:
            rows = client.metrics.usage(by)
            assert list(client.metrics.iterate_usage(by, limit=1)) == rows and rows
    refused = locked.http.get("/v1/usage", params={"after": "WyJhIl0"})  # one text instead of four
    assert refused.status_code == 400 and error_of(refused)["param"] == "after"


def test_usage_survives_a_restart(tmp_path: Path) -> None:
    with live(tmp_path / "home") as running:
        running.launched("m")
        usage = running.chat("m").json()["usage"]
        running.stop()
    with live(tmp_path / "home") as running:
        [row] = running.http.get("/v1/usage", params={"model": "m"}).json()["data"]
        assert (row["requests"], row["tokens_out"]) == (1, usage["completion_tokens"])


@pytest.mark.parametrize(("query", "param"), [({"by": "nobody"}, "by"), ({"since": "yesterday"}, "since")])
def test_a_wrong_parameter_of_usage_is_named(server: Live, query: dict[str, Any], param: str) -> None:
    answer = server.http.get("/v1/usage", params=query)
    assert answer.status_code == 400 and param in error_of(answer)["param"]


def changes(server: Live, **query: Any) -> list[tuple[str, str | None, str | None, int]]:
    """Action, target, caller and status of changes, oldest first."""
    answer = server.http.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return [(each["action"], each["target"], each["name"], each["status"]) for each in reversed(answer.json()["data"])]


def test_who_changed_what_is_listed_and_who_tried_to(locked: Live) -> None:
    starter = {"authorization": key(locked, "starter", scopes=["models:write", "models:list"])}
    assert locked.http.post("/v1/models", json={"model_name": "m2", "model_uid": "made", "model_engine": "fake"},
                            headers={**starter, "x-request-id": "launch-1"}).status_code == 200  # fmt: skip
    assert locked.http.delete("/v1/models/made", headers=starter).status_code == 200
    assert (
        locked.http.post("/v1/admin/users", json={"username": "u", "password": "p"}, headers=starter).status_code == 403
    )
    assert changes(locked, key="starter") == [
        ("models.launch", "made", "starter", 200),
        ("models.terminate", "made", "starter", 200),
        ("keys.create_user", None, "starter", 403),
    ]
    assert ("keys.create_key", "starter", "root", 201) in changes(locked, action="keys.create_key")
    launched = locked.http.get("/v1/audit", params={"target": "made", "action": "models.launch"}).json()["data"][0]
    assert (launched["request_id"], launched["address"]) == ("launch-1", "127.0.0.1")
    assert locked.http.get("/v1/audit", headers=starter).status_code == 403


def test_questions_and_refusals_of_strangers_are_no_changes(locked: Live) -> None:
    before = changes(locked, limit=1000)
    plan = {"model_name": "m2", "model_engine": "fake"}
    assert locked.http.post("/v1/models/plan", json=plan).status_code == 200
    assert locked.http.delete("/v1/models/m", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert locked.http.delete("/v1/models/nobody").status_code == 404
    assert locked.http.get("/v1/models").status_code == 200
    assert changes(locked, limit=1000) == before


def test_no_secret_is_listed(locked: Live) -> None:
    secret = key(locked, "hidden").removeprefix("Bearer ")
    assert locked.http.delete("/v1/admin/keys/hidden").status_code == 200
    text = locked.http.get("/v1/audit").text
    assert "hidden" in text and secret not in text and secret[:8] not in text
