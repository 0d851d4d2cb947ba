"""`/v1/logs` on a real server: lines of models, jobs and the server, for whom they are, and followed without a gap."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.client import Client
from modelyard.core.errors import InvalidKey, JobNotFound, ModelNotFound, PermissionDenied
from tests.cli.terminal import run
from tests.live import Live, error_of, live

PAGE = Path(__file__).resolve().parents[2] / "docs" / "logs.md"
SECRET = "hf_value-of-a-token"
OFFLINE = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "UV_NO_CACHE": "1", "PIP_CONFIG_FILE": "/dev/null"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("logs") / "home", {"HF_TOKEN": SECRET, **OFFLINE}) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        running.launched("first")
        running.launched("second")
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url, api_key=server.http.headers["authorization"].removeprefix("Bearer ")) as one:
        yield one


@pytest.fixture
def reader(server: Live) -> Iterator[tuple[Client, str]]:
    """A client whose key may read the logs of the model `first`, and the key's id."""
    body = {"name": "reader", "scopes": ["logs:list"], "models": ["first"]}
    made = server.http.post("/v1/admin/keys", json=body).json()
    with Client(server.url, api_key=made["key"]) as one:
        yield one, made["id"]


def log_file(server: Live, uid: str) -> Path:
    return max(Path(server.home, "logs", uid).glob("*.log"), key=lambda path: path.stat().st_mtime)


def write(server: Live, uid: str, *lines: str) -> None:
    """Print lines as the model's process would."""
    with log_file(server, uid).open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def texts(found: Any) -> list[str]:
    return [entry["text"] for entry in found["data"]]


def test_the_newest_lines_of_everything_come_in_one_list(server: Live, client: Client) -> None:
    write(server, "first", "alpha one", "alpha two")
    write(server, "second", "beta")
    found = client.logs.list(limit=5000)
    entries = {entry["text"]: entry for entry in found["data"]}
    assert (
        entries["alpha one"]["model"] == "first" and entries["alpha one"]["replica"] == log_file(server, "first").stem
    )
    assert (entries["beta"]["model"], entries["beta"]["source"], entries["beta"]["job"]) == ("second", "model", None)
    (listening,) = [entry for text, entry in entries.items() if "listening on" in text]
    assert (listening["source"], listening["level"], listening["model"]) == ("server", "info", None)
    assert listening["at"] is not None and abs(listening["at"] - time.time()) < 3600
    assert texts(client.logs.list(model="first", limit=1)) == ["alpha two"]
    assert client.logs.list(model="first", limit=1)["has_more"]


def test_filters_choose_by_place_level_text_and_time(server: Live, client: Client) -> None:
    begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 3600))
    write(server, "second", f"{begun} INFO Long ago", f"{begun} ERROR long ago it failed", "  on two lines")
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    write(server, "second", f"{now} WARNING Just now")
    found = client.logs.list(model=["second"], level="warning")
    assert [text.removeprefix(begun) for text in texts(found)][:2] == [" ERROR long ago it failed", "  on two lines"]
    assert [entry["level"] for entry in found["data"]] == ["error", "error", "warning"]
    assert texts(client.logs.list(model="second", text="LONG AGO")) == [
        f"{begun} INFO Long ago",
        f"{begun} ERROR long ago it failed",
    ]
    assert texts(client.logs.list(model="second", since=time.time() - 60))[-1] == f"{now} WARNING Just now"
    assert f"{begun} INFO Long ago" not in texts(client.logs.list(model="second", since=time.time() - 60))
    replica = server.replicas("second")[0]["replica_model_uid"]
    assert texts(client.logs.list(model="second", replica=replica, text="Just now")) == [f"{now} WARNING Just now"]
    assert {entry["source"] for entry in client.logs.list(server=True)["data"]} == {"server"}
    for query, param in (
        ({"level": "loud"}, "level"),
        ({"replica": replica}, "replica"),
        ({"follow": "true", "after": "?"}, "after"),
    ):
        wrong = server.http.get("/v1/logs", params=query)
        assert (wrong.status_code, error_of(wrong)["param"]) == (400, param)


def test_secrets_are_masked(server: Live, client: Client) -> None:
    write(server, "first", f"using {SECRET} as token", "with api_key='abc123'")
    found = texts(client.logs.list(model="first", limit=2))
    assert found == ["using ******** as token", "with api_key='********'"]
    assert SECRET not in server.http.get("/v1/logs", params={"q": SECRET}).text


def test_a_caller_sees_its_own_only(server: Live, client: Client, reader: tuple[Client, str]) -> None:
    restricted, _ = reader
    assert {(entry["source"], entry["model"]) for entry in restricted.logs.list(limit=5000)["data"]} == {
        ("model", "first")
    }
    for query in ({"model": "second"}, {"server": True}):
        with pytest.raises(PermissionDenied):
            restricted.logs.list(**query)
        with pytest.raises(PermissionDenied):
            restricted.logs.follow(**query)
    job = server.http.post("/v1/jobs", json={"kind": "engine_install", "parameters": {"engine": "vllm"}}).json()["id"]
    list(client.jobs.follow(job))
    assert any("Making an environment" in text for text in texts(client.logs.list(job=job)))
    assert not any(text.startswith("{") for text in texts(client.logs.list(job=job, limit=5000)))
    with pytest.raises(JobNotFound):
        restricted.logs.list(job=job)
    with pytest.raises(ModelNotFound):
        client.logs.list(model=f"job-{job}")
    for path in (f"/v1/models/job-{job}/logs", f"/v1/models/job-{job}/logs?follow=true&after=0@job-{job}-1"):
        assert error_of(server.http.get(path))["code"] == "model_not_found", "jobs are private"
    with pytest.raises(ModelNotFound):
        client.logs.list(model="nobody")
    body = {"name": "none", "scopes": ["models:list", "models:read"]}
    key = server.http.post("/v1/admin/keys", json=body).json()["key"]
    with Client(server.url, api_key=key) as other, pytest.raises(PermissionDenied, match="logs:list"):
        other.logs.list()


def test_followers_get_every_line_once_across_connections_and_models(server: Live, client: Client) -> None:
    found: list[Any] = []
    with client.logs.follow(text="line ") as news:
        assert next(news)["data"] == []
        write(server, "first", "line 1", "something else")
        found.append(next(news))
        write(server, "second", "line 2")
        found.append(next(news))
    write(server, "first", "line 3")
    server.launched("third")
    write(server, "third", "line 4")
    with client.logs.follow(text="line ", after=found[-1]["id"]) as news:
        late: list[str] = []
        while len(late) < 2:
            late += texts(next(news))
        assert sorted(late) == ["line 3", "line 4"]
        write(server, "third", "line 5")
        assert texts(next(news)) == ["line 5"]
        server.http.delete("/v1/models/third")
        write(server, "third", "line 6, of a model that is gone")
        assert texts(next(news)) == ["line 6, of a model that is gone"]
    assert [text for each in found for text in texts(each)] == ["line 1", "line 2"]


def test_a_list_is_continued_by_a_stream(server: Live, client: Client) -> None:
    write(server, "second", "before")
    page = client.logs.list(model="second", limit=1)
    write(server, "second", "after")
    with client.logs.follow(model="second", after=page["next"]) as news:
        assert (texts(page), next(news)["data"], texts(next(news))) == (["before"], [], ["after"])


def test_a_follower_needs_a_key_that_lasts(server: Live, reader: tuple[Client, str]) -> None:
    restricted, id = reader
    write(server, "first", "for the reader")
    news = restricted.logs.follow()
    assert "for the reader" in texts(next(news))
    server.http.delete(f"/v1/admin/keys/{id}")
    with pytest.raises(InvalidKey):
        list(news)


def test_the_command_prints_where_lines_come_from(server: Live, client: Client) -> None:
    write(server, "first", "13:00:00 ERROR for the command")
    key = server.http.headers["authorization"].removeprefix("Bearer ")
    done = run("logs", "--level", "error", "-q", "for the command", "-e", server.url, "--api-key", key)
    assert done.stdout == f"{log_file(server, 'first').stem} | 13:00:00 ERROR for the command\n", done.stderr
    done = run("logs", "--server", "-q", "listening on", "-e", server.url, "--api-key", key)
    assert done.stdout.startswith("server | ") and server.url in done.stdout
    assert run("logs", "first", "--all", "-e", server.url).returncode == 2


def test_the_log_of_an_earlier_run_is_there_and_the_page_is_right(tmp_path: Path) -> None:
    with live(tmp_path / "home") as running:
        running.kill()
    with live(tmp_path / "home") as running:
        answer = running.http.get("/v1/logs", params={"server": True, "q": "listening on"}).json()
        assert len(answer["data"]) == 2
        (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        exec(snippet.replace("http://127.0.0.1:9997", running.url), {})
        with running.http.stream("GET", "/v1/logs", params={"follow": True}) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("id: ")
            assert running.stop(signal.SIGINT) == 0
            assert not [line for line in lines if "error" in line]
