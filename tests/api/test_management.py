"""The management API of a real server, in the shapes that Xinference's clients read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from modelyard import __version__
from tests.live import Live, error_of, live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("api") / "home") as running:
        running.launched("m", replica=2)
        yield running


def test_a_model_as_the_peers_clients_read_it(server: Live) -> None:
    info = server.http.get("/v1/models/m").json()
    assert {
        "model_type": "LLM",
        "model_name": "m",
        "model_engine": "fake",
        "replica": 2,
        "n_worker": 1,
    }.items() <= info.items()
    for key in ("address", "accelerators", "model_lang", "model_ability", "model_description", "model_format"):
        assert key in info
    for key in ("model_size_in_billions", "model_family", "quantization", "model_hub", "revision", "context_length"):
        assert key in info
    assert info["model_ability"] == ["chat", "generate"]
    listed = server.http.get("/v1/models").json()
    assert listed["object"] == "list"
    assert {"id": "m", "object": "model", "owned_by": "modelyard"}.items() <= listed["data"][0].items()


def test_replicas(server: Live) -> None:
    replicas = server.http.get("/v1/models/m/replicas").json()
    assert [each["replica_model_uid"] for each in replicas] == ["m-rep0", "m-rep1"]
    for each in replicas:
        assert each["status"] == "READY" and each["created_ts"] > 0 and each["error_message"] is None


def test_scaling(server: Live) -> None:
    server.launched("elastic")
    grown = server.http.post("/v1/models/elastic/replicas", json={"replica": 2}).json()
    assert (grown["replica"], grown["replica_id"], grown["replica_model_uid"]) == (2, 1, "elastic-rep1")
    server.until_replicas_ready("elastic", 3)
    assert server.http.delete("/v1/models/elastic/replicas/1").json() == {"remaining_replicas": 2}
    server.until_replicas_ready("elastic", 2)
    assert server.http.delete("/v1/models/elastic/replicas/9").status_code == 404
    server.http.delete("/v1/models/elastic/replicas/0")
    answer = server.http.delete("/v1/models/elastic/replicas/2")
    assert answer.status_code == 400
    assert "terminate the model instead" in error_of(answer)["message"]
    assert server.http.delete("/v1/models/elastic").json() is None


def test_progress_and_events(server: Live) -> None:
    progress = server.http.get("/v1/models/m/progress").json()
    assert (progress["progress"], progress["stage"], progress["download_files"]) == (1.0, "completed", [])
    assert server.http.get("/v1/models/nobody/progress").json() == {
        "progress": 0.0,
        "stage": "pending",
        "info": "",
        "download_files": [],
        "replicas": [],
    }
    first = server.http.get("/v1/models/m/events").json()[0]
    assert first["event_type"] == "INFO" and first["event_content"] == "Launch model" and first["event_ts"] > 1e9


def test_launching_without_waiting(server: Live) -> None:
    answer = server.launch("later", wait_ready=False, load_seconds=0.2)
    assert answer.json() == {"model_uid": "later"}
    assert server.status("later") in ("CREATING", "LOADING")
    server.until("later", "READY")
    again = server.launch("later")
    assert again.status_code == 409
    assert error_of(again)["code"] == "model_exists"
    assert server.http.post("/v1/models/later/cancel").status_code == 400


def test_a_name_that_is_taken_gets_a_suffix_unless_it_was_asked_for(server: Live) -> None:
    body = {"model_name": "twin", "model_engine": "fake"}
    first = server.http.post("/v1/models", json=body).json()["model_uid"]
    second = server.http.post("/v1/models", json=body).json()["model_uid"]
    assert first == "twin"
    assert re.fullmatch(r"twin-[0-9a-f]{8}", second)


def test_a_uid_with_a_slash(server: Live) -> None:
    server.launched("org/name")
    assert server.http.get("/v1/models/org/name").json()["id"] == "org/name"
    assert len(server.http.get("/v1/models/org/name/replicas").json()) == 1
    assert server.chat("org/name").status_code == 200
    assert server.http.delete("/v1/models/org/name").status_code == 200


def test_logs(server: Live) -> None:
    logs = server.http.get("/v1/models/m/logs", params={"replica": "m-rep1", "lines": 1}).json()
    assert logs["replica"].startswith("m-rep1-")
    assert len(logs["lines"]) == 1
    assert server.http.get("/v1/models/m/logs", params={"lines": 0}).status_code == 400


def test_the_cluster(server: Live) -> None:
    assert server.http.get("/v1/cluster/auth").json() == {"auth": False}
    assert server.http.get("/v1/cluster/version").json() == {"version": __version__}
    assert isinstance(server.http.get("/v1/cluster/devices").json(), int)
    plain = server.http.get("/v1/cluster/info").json()
    assert [set(node) for node in plain] == [{"node_type", "ip_address", "gpu_count", "gpu_vram_total"}] * 2
    assert [node["node_type"] for node in plain] == ["Supervisor", "Worker"]
    detailed = server.http.get("/v1/cluster/info", params={"detailed": "true"}).json()[1]
    assert detailed["mem_total"] == detailed["mem_used"] + detailed["mem_available"]
    assert detailed["devices"][0]["name"] == "cpu"


def test_health_and_metrics(server: Live) -> None:
    health = server.http.get("/health").json()
    assert health["status"] == "ok" and health["models"]["m"] == "READY"
    server.chat("m")
    text = server.http.get("/metrics").text
    assert 'modelyard_requests_total{model="m",outcome="complete",path="/v1/chat/completions",status="200"}' in text
    assert 'modelyard_replicas{model="m",state="ready"} 2.0' in text
    assert "process_resident_memory_bytes" in text


def test_the_documentation_needs_no_internet(server: Live) -> None:
    page = server.http.get("/docs").text
    assert not re.findall(r"(?:src|href)=[\"']https?://", page)
    for address in re.findall(r"(?:src|href)=[\"'](/[^\"']+)", page):
        assert server.http.get(address).status_code == 200
    document = server.http.get("/openapi.json").json()
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert chat["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/ChatRequest")
    assert "messages" in document["components"]["schemas"]["ChatRequest"]["properties"]
    assert "/v1/models" in document["paths"]


def test_a_request_id_comes_back(server: Live) -> None:
    answer = server.http.post(
        "/v1/chat/completions", json={"model": "m", "messages": []}, headers={"x-request-id": "mine"}
    )
    assert answer.status_code == 400
    assert answer.headers["x-request-id"] == "mine"
    assert server.http.get("/v1/models").headers["x-request-id"]
