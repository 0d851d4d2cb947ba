"""`/v1/jobs` on a real server: kinds and their parameters, owners and scopes, following, and the commands of the shell."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import Client
from modelyard.core.errors import InvalidParameter, PermissionDenied
from tests.live import Live, error_of, live
from tests.processes import wait_for

ENGINE = "vllm"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose installs fail after a moment, because its index of packages is an empty folder."""
    folder = tmp_path_factory.mktemp("jobs")
    nowhere = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "UV_NO_CACHE": "1", "PIP_CONFIG_FILE": "/dev/null"}
    with live(folder / "home", nowhere) as running:
        yield running


def created(server: Live, **parameters: Any) -> dict[str, Any]:
    answer = server.http.post("/v1/jobs", json={"kind": "engine_install", "parameters": parameters})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def finished(server: Live, job: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = server.http.get(f"/v1/jobs/{job}").json()
        return found if found["finished_at"] else None

    return wait_for(look, seconds=60)


def stream(http: httpx.Client, job: str, **options: Any) -> list[dict[str, str]]:
    """The events of a job until it is finished, each with its fields."""
    text = http.get(f"/v1/jobs/{job}/events", **options).text
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


@pytest.fixture(scope="module")
def failed(server: Live) -> dict[str, Any]:
    """A job that has failed."""
    return finished(server, created(server, engine=ENGINE)["id"])


def test_an_install_reports_steps_and_why_it_failed(server: Live, failed: dict[str, Any]) -> None:
    assert (failed["state"], failed["kind"], failed["error"]["code"]) == ("failed", "engine_install", "install_failed")
    assert failed["parameters"] == {"engine": ENGINE, "upgrade": False}
    assert failed["owner"] == "local" and failed["attempts"] == 1
    assert (failed["pausable"], failed["repeatable"]) == (False, True)
    assert failed["progress"]["message"]
    logs = server.http.get(f"/v1/jobs/{failed['id']}/logs").json()["data"]
    assert any(line.startswith("Making an environment for vllm") for line in logs)
    assert not any(line.startswith("{") for line in logs), "reports are no part of the log"


def test_events_are_numbered_and_go_on_where_a_client_stopped(server: Live, failed: dict[str, Any]) -> None:
    events = stream(server.http, failed["id"])
    numbered = [event for event in events if "id" in event]
    assert [json.loads(event["data"])["data"]["state"] for event in numbered] == ["queued", "running", "failed"]
    assert all(event["event"] == "state" and json.loads(event["data"])["seq"] == int(event["id"]) for event in numbered)
    for options in ({"headers": {"Last-Event-ID": numbered[0]["id"]}}, {"params": {"after": numbered[0]["id"]}}):
        rest = [event for event in stream(server.http, failed["id"], **options) if "id" in event]
        assert rest == numbered[1:]
    wrong = server.http.get(f"/v1/jobs/{failed['id']}/events", headers={"Last-Event-ID": "x"})
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "Last-Event-ID")


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"kind": "nothing"}, "kind", "'nothing' is none of"),
        ({"kind": "engine_install"}, "parameters.engine", "it is required"),
        ({"kind": "engine_install", "parameters": {"engine": "x", "y": 1}}, "parameters.y", "no such field"),
        (
            {"kind": "engine_install", "parameters": {"engine": "llama.cpp"}},
            "parameters.engine",
            "needs no environment",
        ),
        ({"kind": "engine_install", "parameters": {"engine": "no such"}}, None, "no such"),
    ],
)
def test_parameters_are_checked_before_a_job_is_made(
    server: Live, body: dict[str, Any], param: str | None, words: str
) -> None:
    before = len(server.http.get("/v1/jobs").json()["data"])
    answer = server.http.post("/v1/jobs", json=body)
    assert answer.status_code == 400 and words in error_of(answer)["message"]
    assert param is None or error_of(answer)["param"] == param
    assert len(server.http.get("/v1/jobs").json()["data"]) == before


def test_finished_jobs_can_only_be_deleted(server: Live, failed: dict[str, Any]) -> None:
    for verb in ("cancel", "pause", "resume"):
        answer = server.http.post(f"/v1/jobs/{failed['id']}/{verb}")
        assert (answer.status_code, error_of(answer)["code"]) == (409, "conflict"), verb


def test_an_engine_is_installed_by_its_own_route_once_at_a_time(tmp_path: Path) -> None:
    """The index accepts connections and never answers, so that the installation lasts until it is cancelled."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        env = {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "UV_NO_CACHE": "1", "PIP_CONFIG_FILE": "/dev/null"}
        with live(tmp_path / "home", env) as server:
            key = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
            with Client(server.url, api_key=key) as client:
                other = client.keys.create("weak", scopes=["models:list", "models:write", "settings:write"])["key"]
                first = client.engines.install("vLLM")
                assert (first["kind"], first["parameters"]) == ("engine_install", {"engine": ENGINE, "upgrade": False})
                assert client.engines.install(ENGINE)["id"] == first["id"]
                assert client.jobs.create("engine_install", {"engine": ENGINE})["id"] == first["id"]
                anew = client.engines.install(ENGINE, upgrade=True)
                assert anew["id"] != first["id"]
                client.jobs.cancel(anew["id"])
                found = {engine["id"]: engine["install_job"] for engine in client.engines.list()["data"]}
                assert {name for name, job in found.items() if job} == {ENGINE}
                client.jobs.cancel(first["id"])
                wait_for(lambda: client.jobs.get(first["id"])["finished_at"], seconds=60)
                assert not any(engine["install_job"] for engine in client.engines.list()["data"])
                with pytest.raises(InvalidParameter, match="comes with Modelyard"):
                    client.engines.install("llama.cpp")
            with Client(server.url, api_key=other) as client, pytest.raises(PermissionDenied, match="admin"):
                client.engines.install(ENGINE)


def shell(server: Live, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelyard", "jobs", *words, "--endpoint", server.url]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_jobs_in_the_shell(server: Live) -> None:
    begun = shell(server, "start", "engine_install", f"engine={ENGINE}", "upgrade=true", "--json")
    job = json.loads(begun.stdout)
    assert job["parameters"]["upgrade"] is True
    followed = shell(server, "follow", job["id"], "--json")
    events = [json.loads(line) for line in followed.stdout.splitlines()]
    assert followed.returncode == 1 and events[-1]["data"]["state"] == "failed"
    assert "Installing vllm failed" in followed.stderr
    shown = shell(server, "show", job["id"])
    assert job["id"] in shown.stdout and "failed" in shown.stdout
    assert shell(server, "rm", job["id"]).returncode == 0
    for path in ("", "/events", "/logs"):
        answer = server.http.get(f"/v1/jobs/{job['id']}{path}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "job_not_found")


def test_a_key_sees_the_jobs_of_its_owner_and_needs_the_scope_of_a_kind(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}) as server:
        key = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        root = {"authorization": f"Bearer {key}"}
        weak = server.http.post("/v1/admin/keys", json={"name": "weak", "scopes": ["models:write"]}, headers=root)
        other = {"authorization": f"Bearer {weak.json()['key']}"}
        body = {"kind": "engine_install", "parameters": {"engine": ENGINE}}
        refused = server.http.post("/v1/jobs", json=body, headers=other)
        assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
        job = server.http.post("/v1/jobs", json=body, headers=root).json()
        assert server.http.get("/v1/jobs", headers=other).json()["data"] == []
        assert [each["id"] for each in server.http.get("/v1/jobs", headers=root).json()["data"]] == [job["id"]]
        for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/logs"), ("POST", "/cancel"), ("DELETE", "")):
            answer = server.http.request(method, f"/v1/jobs/{job['id']}{path}", headers=other)
            assert (answer.status_code, error_of(answer)["code"]) == (404, "job_not_found")
