"""Instances, versions, launching by version, machines and stopping, on a real server and with the peer's own client."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xinference_client import RESTfulClient

import modelyard
from tests.live import Live, error_of, live
from tests.processes import wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("lifecycle") / "home") as running:
        running.launched("m", replica=2)
        yield running


@pytest.fixture(scope="module")
def peer(server: Live) -> Iterator[Any]:
    client = RESTfulClient(server.url)
    yield client
    client.close()


def test_instances(server: Live, peer: Any) -> None:
    server.launch("broken", crash_at_start="boom")
    found = peer.get_instance_info(model_name="m", model_uid=None)
    assert [each["model_uid"] for each in found] == ["m"]
    one = found[0]
    assert (one["status"], one["replica"], one["n_worker"]) == ("READY", 2, 1)
    assert one["model_ability"] == ["chat", "generate"] and one["instance_created_ts"] > 1e9
    assert [each["replica_model_uid"] for each in one["replica_statuses"]] == ["m-rep0", "m-rep1"]
    assert {each["worker_address"] for each in one["replica_statuses"]} == {server.url.removeprefix("http://")}
    failed = peer.get_instance_info(model_name=None, model_uid="broken")[0]
    assert failed["status"] == "ERROR" and "boom" in failed["replica_statuses"][0]["error_message"]
    assert peer.get_instance_info(model_name="nobody", model_uid=None) == []
    assert {each["model_uid"] for each in peer.get_instance_info(None, None)} == {"m", "broken"}


def test_versions_launch_what_they_say(server: Live) -> None:
    versions = server.http.get("/v1/models/llm/modelyard-demo/versions").json()
    gguf = next(each for each in versions if each["model_format"] == "ggufv2")
    assert gguf["cache_status"] is True and gguf["model_type"] == "LLM"
    [(address, path)] = gguf["model_file_location"].items()
    assert address == server.url.removeprefix("http://") and path.endswith(".gguf")
    for version, uid in ((gguf["model_version"], "by-version"), ("modelyard-demo", "by-name")):
        answer = server.http.post("/v1/models/instance", json={"model_version": version, "model_uid": uid})
        assert answer.json() == {"model_uid": uid}, answer.text
        assert server.http.get(f"/v1/models/{uid}").json()["model_format"] == "ggufv2"
        shown = server.http.get("/v1/models/instances", params={"model_uid": uid}).json()[0]
        assert shown["model_version"] == gguf["model_version"]
        assert server.chat(uid, max_tokens=4).status_code == 200
    far = server.http.get("/v1/models/LLM/qwen2.5-instruct/versions").json()
    assert {each["cache_status"] for each in far if each["model_size_in_billions"] == 72} == {False}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/models/instance", {"model_version": "a--b"}, 400),
        ("POST", "/v1/models/instance", {"model_version": ""}, 400),
        ("POST", "/v1/models/instance", {"model_version": "nobody--7B--pytorch--none"}, 404),
        ("POST", "/v1/models/instance", {"model_version": "modelyard-demo--seven--ggufv2--none"}, 400),
        ("POST", "/v1/models/instance", {}, 400),
        ("GET", "/v1/models/world/modelyard-demo/versions", None, 400),
        ("GET", "/v1/models/LLM/modelyard-dem/versions", None, 404),
        ("GET", "/v1/requests/nobody/progress", None, 400),
        ("POST", "/v1/models/m/reload", {"model_config": {}}, 400),
        ("POST", "/v1/models/nobody/reload", {"model_config": {}}, 404),
        ("GET", "/v1/models/m/reload", None, 404),
        ("GET", "/v1/models/m/reload/config", None, 400),
        ("POST", "/v1/api/relaunch", {}, 409),
        ("POST", "/v1/supervisor/relaunch", {}, 409),
        ("POST", "/v1/workers/127.0.0.1%3A1/relaunch", {}, 409),
        ("GET", "/v1/worker-relaunches/x", None, 404),
        ("DELETE", "/v1/virtualenvs?model_name=m", None, 404),
        ("DELETE", "/v1/virtualenvs?model_engine=vLLM", None, 404),
        ("POST", "/v1/models/m/reload", {"model_config": 3}, 400),
        ("PUT", "/v1/cluster/system_settings", {}, 405),
        ("POST", "/v1/models/m/replicas", {"model_engine": "vLLM"}, 400),
        ("POST", "/v1/models/m/replicas", {"n_gpu": 3}, 400),
        ("POST", "/v1/models/m/replicas", {"replica_config": {"role": "prefill"}}, 400),
        ("POST", "/v1/models/m/replicas", {"replica_config": [{"replica_uid": "mine"}]}, 400),
        ("POST", "/v1/models/m/replicas", {"replica_config": {"devices": [{"worker_ip": "10.1.2.3:1"}]}}, 400),
        ("POST", "/v1/models/m/replicas", {"replica_config": {"devices": [{"gpu_idx": [0]}]}}, 400),
        ("POST", "/v1/models/m/replicas", {"replica_config": {"devices": 5}}, 400),
        ("POST", "/v1/models/m/replicas", {"replica_config": "x"}, 400),
    ],
)
def test_what_cannot_be_is_told(server: Live, method: str, path: str, body: Any, status: int) -> None:
    answer = server.http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert len(error_of(answer)["message"]) > 20
    assert len(server.replicas("m")) == 2


def test_a_replica_in_the_peers_words(server: Live, peer: Any) -> None:
    here = server.url.removeprefix("http://")
    server.launched("grows")
    config = {"devices": [{"worker_ip": here}]}
    added = peer.add_model_replica("grows", replica_config=config, model_engine="Fake", n_gpu="auto")
    assert (added["replica_id"], added["worker_address"]) == (1, here)
    assert peer.add_model_replica("grows", replica=2)["replica"] == 2
    server.until_replicas_ready("grows", 4)
    assert peer.terminate_model_replica("grows", 3) == 3


def test_machines(server: Live, peer: Any) -> None:
    here = server.url.removeprefix("http://")
    assert peer._get_supervisor_internal_address() == here
    assert peer.get_supervisor_info() == {"supervisor_ip": here}
    [worker] = peer.get_workers_info()
    assert worker["work-ip"] == here
    assert worker["models"]["m-rep1"]["model_name"] == "m"
    status = server.http.get("/status").json()
    assert status["uptime"] >= 0
    cpu = status["workers"][here]["status"]["cpu"]
    assert set(cpu) == {"usage", "total", "memory_used", "memory_available", "memory_total"}
    assert cpu["memory_used"] + cpu["memory_available"] == cpu["memory_total"]
    details = server.http.get("/v1/cluster/info", params={"detailed": True}).json()
    assert [(each["node_type"], each["ip_address"]) for each in details] == [
        ("Supervisor", "127.0.0.1"),
        ("Worker", "127.0.0.1"),
    ]


def environment(server: Live, engine: str) -> Path:
    """A folder that counts as the environment of an engine: with a Python, this package, and a list of what was installed."""
    place = server.home / "engines" / engine
    packages = place / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(sys.executable)
    (packages / "modelyard").symlink_to(Path(modelyard.__file__).parent, target_is_directory=True)
    (place / "requirements.lock").write_text("torch==2.13.0\nvllm==0.32.0\n")
    (place / "environment.json").write_text('{"installed_at": 1.5, "versions": {"vllm": "0.32.0"}}')
    return place


def test_virtual_environments_are_those_of_engines(server: Live) -> None:
    path = "/v1/virtualenvs"
    assert server.http.get(path).json() == server.http.get(f"{path}/packages").json() == {"list": []}
    vllm, fake = environment(server, "vllm"), environment(server, "fake")
    listed = {each["model_engine"]: each for each in server.http.get(path).json()["list"]}
    assert set(listed) == {"vLLM", "fake"}
    about = listed["vLLM"]
    assert (about["path"], about["python_version"]) == (str(vllm), "3.11")
    assert (about["actor_ip_address"], about["versions"]) == ("127.0.0.1", {"vllm": "0.32.0"})
    packages = server.http.get(f"{path}/packages", params={"model_engine": "vllm"}).json()["list"]
    assert {each["name"]: each["version"] for each in packages} == {"torch": "2.13.0", "vllm": "0.32.0"}
    for query, engines in (
        ({"model_name": "m"}, ["fake"]),
        ({"model_name": "no"}, []),
        ({"python_version": "3.9"}, []),
    ):
        assert [each["model_engine"] for each in server.http.get(path, params=query).json()["list"]] == engines
    assert "BaichuanForCausalLM" in server.http.get("/v1/models/vllm-supported").json()["chat"]
    in_use = server.http.delete(path, params={"model_engine": "fake"})
    assert in_use.status_code == 409 and "m" in error_of(in_use)["message"] and fake.exists()
    assert server.http.delete(path, params={"model_engine": "vLLM"}).json() == {"result": True}
    assert not vllm.exists() and server.http.get("/v1/models/vllm-supported").json() == {"chat": [], "generate": []}
    shutil.rmtree(fake)


def test_what_there_is_none_of(server: Live, peer: Any) -> None:
    assert peer.vllm_models() == {"chat": [], "generate": []}
    assert peer.list_api_relaunches() == peer.list_supervisor_relaunches() == peer.list_worker_relaunches() == []
    settings = server.http.get("/v1/cluster/system_settings").json()
    assert (settings["download_source"], settings["hf_token"], settings["download_max_attempts"]) == ("auto", "", 3)
    assert server.http.get("/v1/cluster/ui_config").json()["auth_advanced"] is False


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("LLM", {"strict_system_first", "multimodal_projector", "model_hub", "revision", "context_length"}),
        ("embedding", {"dimensions", "max_tokens", "language", "model_revision", "model_hub"}),
        ("rerank", {"language", "type", "model_revision"}),
    ],
)
def test_every_field_of_the_peers_description(server: Live, peer: Any, kind: str, fields: set[str]) -> None:
    common = {"model_type", "address", "accelerators", "model_name", "model_engine", "model_format", "model_ability"}
    server.launched(f"a-{kind}", model_type=kind)
    described = peer.describe_model(f"a-{kind}")
    assert not (fields | common | {"n_worker", "replica", "quantization"}) - set(described)
    listed = peer.list_models()[f"a-{kind}"]
    assert not (fields | common | {"id", "object", "created", "owned_by", "replica"}) - set(listed)


def test_autostart_by_the_peers_client(server: Live, peer: Any) -> None:
    entry = peer.upsert_autostart_model({"launch": {"model_name": "echo", "model_uid": "auto/start"}, "priority": 5})
    assert entry["priority"] == 5 and entry["state"]["status"] == "idle"
    assert peer.get_autostart_config()["models"][0]["launch"]["model_name"] == "echo"
    assert peer.get_autostart_model_summary()["models"][0]["model_uid"] == "auto/start"
    peer.remove_autostart_model("auto/start")
    assert peer.get_autostart_config() == {"models": []}


def test_stopping_keeps_what_is_wanted(home: Path) -> None:
    with live(home) as server:
        server.launched("stays")
        peer = RESTfulClient(server.url)
        assert peer.abort_cluster() == {"result": True}
        peer.close()
        wait_for(lambda: server.process.poll() is not None)
        assert server.process.returncode == 0
    with live(home) as server:
        server.until("stays", "READY")
