"""What comes up when a server starts: order, retries, models that were terminated, models that shall stay away."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.live import Live, error_of, live
from tests.processes import wait_for

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"


def entry(uid: str, *, launch: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"launch": {"model_name": uid, "model_engine": "fake", **(launch or {})}, **fields}


def put(server: Live, *entries: dict[str, Any]) -> None:
    answer = server.http.post("/v1/autostart/models", json={"models": list(entries)})
    assert answer.status_code == 200, answer.text


def state(server: Live, uid: str) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(f"/v1/autostart/models/{uid}").json()["state"]
    return found


def until(server: Live, uid: str, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = state(server, uid)
        return found if found["status"] == status else None

    return wait_for(look, seconds=60)


def test_entries_come_and_go(home: Path, database_url: str) -> None:
    with live(home, {"MODELYARD_DATABASE_URL": database_url}) as server:
        one = server.http.post("/v1/autostart/models", json=entry("a/b 模型", priority=7)).json()
        assert (one["model_uid"], one["priority"], one["max_retries"], one["retry_interval_seconds"]) == (
            "a/b 模型",
            7,
            3,
            30,
        )
        put(server, entry("named", launch={"model_uid": "z"}, enabled=False, priority=1), entry("a/b 模型", priority=8))
        listed = server.http.get("/v1/autostart/models").json()["models"]
        assert [(each["model_uid"], each["priority"], each["enabled"]) for each in listed] == [
            ("z", 1, False),
            ("a/b 模型", 8, True),
        ]
        summary = server.http.get("/v1/autostart/models/summary").json()
        assert (summary["total"], summary["enabled"]) == (2, 1)
        assert summary["models"][0]["model_name"] == "named"
        assert server.http.get("/v1/models").json()["data"] == []  # nothing starts now
        assert server.http.get("/v1/autostart/models/a%2Fb%20模型").json()["launch"]["model_engine"] == "fake"
        assert server.http.delete("/v1/autostart/models/a%2Fb%20模型").json()["result"] is True
        assert server.http.delete("/v1/autostart/models/a%2Fb%20模型").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"launch": {}},
        {"launch": {"model_name": "x", "replica": 0}},
        {"launch": {"model_name": "x"}, "priority": -1},
        {"launch": {"model_name": "x"}, "retry_interval_seconds": "soon"},
        {"launch": {"model_name": " x"}},
        {"models": [{"launch": {"model_name": "good"}}, {"launch": {"model_name": 3}}]},
        [1],
    ],
)
def test_what_cannot_be_an_entry(server: Live, body: Any) -> None:
    answer = server.http.post("/v1/autostart/models", json=body)
    assert answer.status_code == 400, answer.text
    error_of(answer)
    assert server.http.get("/v1/autostart/models").json() == {"models": []}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with live(tmp_path_factory.mktemp("autostart") / "home") as running:
        yield running


def test_numbers_that_are_no_json(server: Live) -> None:
    for text in ('{"launch": {"model_name": "x", "a": NaN}}', '{"launch": {"model_name": "x", "a": "\\ud800"}}'):
        answer = server.http.post("/v1/autostart/models", content=text, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_order_of_a_start(home: Path, database_url: str, end: str) -> None:
    with live(home, {"MODELYARD_DATABASE_URL": database_url}) as server:
        server.launched("plain")
        server.launched("second")
        server.launched("gone")
        server.launched("stays away")
        assert server.http.delete("/v1/models/gone").status_code == 200
        put(
            server,
            entry("second", priority=2),
            entry("gone", priority=1, launch={"load_seconds": 0.5}),
            entry("broken", priority=0, launch={"crash_at_start": "boom"}, max_retries=0),
            entry("stays away", enabled=False),
        )
        server.kill() if end == "kill" else server.stop()
    with live(home, {"MODELYARD_DATABASE_URL": database_url}) as server:
        for uid in ("gone", "second", "plain"):
            server.until(uid, "READY")
        for uid in ("gone", "second"):
            assert until(server, uid, "ready")["attempts"] == 1
        said = server.output()
        places = [said.index(f"{uid}: replica 0") for uid in ("broken", "gone", "second", "plain")]
        assert places == sorted(places)
        assert "boom" in state(server, "broken")["error"] and state(server, "broken")["status"] == "failed"
        assert state(server, "stays away")["status"] == "disabled"
        assert server.http.get("/v1/models/stays%20away").status_code == 404
        events = server.http.get("/v1/models/stays%20away/events").json()
        assert "Not restored" in events[-1]["event_content"]


def test_retries_until_it_works(home: Path, tmp_path: Path) -> None:
    weights = tmp_path / "late.gguf"
    launch = {"model_engine": "llama_cpp", "model_path": str(weights), "model_uid": "late"}
    with live(home) as server:
        put(
            server,
            {"launch": launch, "max_retries": 1000, "retry_interval_seconds": 0.1},
            entry("never", launch={"crash_at_start": "boom"}, max_retries=2, retry_interval_seconds=0.01),
        )
        server.stop()
    with live(home) as server:
        wait_for(lambda: state(server, "late")["attempts"] > 1, seconds=60)
        wait_for(lambda: "late.gguf" in (state(server, "late")["error"] or ""))  # an attempt that begins clears it
        partial = weights.with_suffix(".part")
        shutil.copy(DEMO, partial)
        partial.rename(weights)
        assert until(server, "late", "ready")["error"] is None
        assert server.chat("late", max_tokens=4).status_code == 200
        wait_for(lambda: (found := state(server, "never"))["status"] == "failed" and found["attempts"] == 3)


def test_a_model_that_is_terminated_while_it_waits_stays_away(home: Path) -> None:
    with live(home) as server:
        server.launched("later")
        put(server, entry("first", priority=1, launch={"load_seconds": 20}), entry("later", priority=2))
        server.stop()
    with live(home) as server:
        wait_for(lambda: state(server, "first")["status"] == "starting")
        assert server.status("later") == "CREATING"
        assert state(server, "later")["status"] == "waiting"
        assert server.http.delete("/v1/models/later").status_code == 200
        server.http.post("/v1/models/first/cancel")
        assert until(server, "first", "cancelled")
        assert until(server, "later", "cancelled")
        assert server.status("later") == "GONE"
